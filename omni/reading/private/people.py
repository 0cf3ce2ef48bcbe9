# ruff: noqa: E501, SIM905 - a pattern or a list of words is easier to read and to search when it is not cut
"""Names of private people: what follows "my name is", a title, a greeting, a relation or a label, and listed first names
in a text about somebody's own affairs. Public figures are left alone."""

import re
from collections.abc import Iterator, Set

from omni.reading.private.words import first_names, public_names

Finding = tuple[str, int, int]

_UP = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĘĚĞİĹĽŁŃŇŐŒŘŚŠŞŤŮŰŹŻŽА-ЯЁІЇЄҐ"
_PART = rf"[{_UP}](?:[^\W\d_]|['’](?=[^\W\d_])){{1,24}}(?:-[{_UP}][^\W\d_]{{1,24}})?"
_PARTICLE = r"(?:van der |van den |van de |van |von der |von |de la |de |del |della |di |da |dos |das |do |ter |ten |zu |al-|el-|bin |ben |Ben |Le |La |Ó )"
_NAME = re.compile(rf"{_PARTICLE}?{_PART}(?: (?:[{_UP}]\. )?{_PARTICLE}?{_PART}){{0,3}}")
_PAIR = re.compile(
    rf"(?P<first>[{_UP}](?<![\w.@/].){_PART[len(_UP) + 2 :]}) (?:[{_UP}]\. )?{_PARTICLE}?{_PART}(?: {_PART})?(?![\w@])"
)
_PAIR_SHAPE = re.compile(rb"A[Aa'-]++ (?:A|[Aa]{1,5}+[ -](?:A|[Aa]{1,5}+[ -]A))")
_SKIP = re.compile(r"[ \t]{0,2}[:,=]?[ \t]{0,2}\n{0,2}[\"'“„«(*]{0,2}")
_TITLE = re.compile(r"(?:(?:mrs?|ms|miss|dr|prof|sir|herrn?|frau|monsieur|madame|mme|mlle|m|sr|sra|srta|señora?|don|doña|sig|sig\.ra|signora?|dott|dott\.ssa|dra?|dhr|mevr|mevrouw|heer|pani?|panu|госпо\w+|гражданк\w+|гражданин\w*)\.? ){0,2}", re.IGNORECASE)  # fmt: skip
_MAX_EACH = 100
_EDGE = frozenset(" \n\t\"'“”„«»‘’`*_<[(,.;:!?-–—=|/…")

_SURE = (
    "my name is", "my name's", "mein name ist", "ich heiße", "ich heisse", "je m'appelle", "je m’appelle", "me llamo",
    "mi nombre es", "mi chiamo", "il mio nome è", "meu nome é", "chamo-me", "me chamo", "mijn naam is", "ik heet",
    "nazywam się", "mam na imię", "меня зовут", "мене звати", "benim adım", "adım", "jag heter", "mitt namn är",
    "mit navn er", "jeg hedder", "nimeni on", "jmenuji se", "nama saya", "perkenalkan, saya", "tôi tên là", "tên tôi là",
    "the undersigned", "soussigné", "soussignée", "signed", "sign as", "signed by", "on behalf of", "i am called",
    "i, the undersigned", "my full name is", "full name", "numele meu este", "a nevem",
)  # fmt: skip
_WEAK = (
    "i am", "i'm", "i’m", "this is", "ich bin", "je suis", "soy", "yo soy", "sono", "sou", "sou o", "sou a", "ik ben",
    "jestem", "jag är", "jeg er", "я", "saya", "olen", "jsem", "here is", "hier ist",
)  # fmt: skip
_TITLES = (
    "mr", "mr.", "mrs", "mrs.", "ms", "ms.", "miss", "dr", "dr.", "herr", "herrn", "frau", "monsieur", "madame", "mme",
    "mlle", "señor", "señora", "sr.", "sra.", "sr", "sra", "don", "doña", "doctora", "sig.", "signor", "signora", "dott.",
    "dottor", "dottoressa", "dra.", "senhor", "senhora", "dona", "heer", "mevrouw", "mevr.", "dhr.", "pan", "pana",
    "panu", "pani", "panią", "panie", "господин", "господина", "госпожа", "гражданка", "гражданин", "sayın", "herra",
    "rouva", "fru", "egregio", "gentile",
)  # fmt: skip
_GREETINGS = (
    "dear", "hi", "hello", "hey", "good morning", "hallo", "liebe", "lieber", "liebes", "guten tag", "bonjour", "salut",
    "cher", "chère", "hola", "querido", "querida", "estimado", "estimada", "ciao", "caro", "cara", "gentile", "egregio",
    "olá", "oi", "prezado", "prezada", "cara dra.", "beste", "geachte", "lieve", "cześć", "drogi", "droga", "szanowny",
    "szanowna", "здравствуйте", "привет", "уважаемый", "уважаемая", "дорогой", "дорогая", "merhaba", "hej", "kære",
    "kära", "sehr geehrte", "sehr geehrter", "thanks", "thank you",
)  # fmt: skip
_CLOSINGS = (
    "regards", "sincerely", "best wishes", "kind regards", "cheers", "thanks", "love", "yours", "best", "grüßen", "grüße",
    "gruß", "grüssen", "cordialement", "amicalement", "saludos", "atentamente", "cordialmente", "saluti",
    "atenciosamente", "cumprimentos", "abraços", "groet", "groeten", "poważaniem", "pozdrawiam", "pozdrowienia",
    "уважением", "saygılarımla", "hälsningar", "hilsen",
)  # fmt: skip
_RELATIONS = (
    "wife husband son daughter mother father mom mum dad sister brother friend colleague coworker boss manager landlord "
    "landlady tenant neighbour neighbor client patient customer student teacher plumber girlfriend boyfriend partner "
    "grandfather grandmother grandma grandpa uncle aunt nephew niece cousin employee roommate fiancé fiancée assistant "
    "ehefrau ehemann mann sohn tochter mutter vater schwester bruder bruders vaters sohnes mannes chefs freundes schwagers nachbars großvater großvaters großmutter freund freundin kollege kollegin kollegen chef chefin "
    "nachbar nachbarin nachbarn vermieter vermieterin mieter mieterin kunde kundin kunden patientin patienten schwager "
    "schwägerin onkel tante opa oma enkel enkelin schüler schülerin mitarbeiter mitarbeiterin "
    "femme mari fils fille mère père sœur soeur frère ami amie collègue patron patronne voisin voisine propriétaire "
    "locataire patiente cliente élève oncle cousine "
    "esposa esposo marido mujer hijo hija madre padre hermana hermano amigo amiga compañero compañera jefe jefa vecino "
    "vecina casero inquilino paciente alumno alumna tío tía abuelo abuela primo prima "
    "moglie marito figlio figlia sorella fratello amica collega capo vicino vicina cliente paziente zio zia nonno nonna cugino cugina "
    "filho filha mãe pai irmã irmão chefe vizinho vizinha colega avó avô aluno aluna "
    "vrouw zoon dochter moeder vader zus broer vriend vriendin baas buurman buurvrouw huurder klant oom neef nicht opa oma "
    "żona mąż syn córka matka ojciec siostra brat przyjaciel koleżanka kolega szef szefowa sąsiad sąsiadka klient pacjent "
    "pacjentka babcia dziadek ciocia wujek "
    "жена жену муж мужа сын сына дочь мама маму папа папу сестра сестру брат брата друг друга подруга подругу коллега "
    "коллегу начальник начальница сосед соседка бабушка бабушку дедушка дедушку тётя дядя клиент пациент пациентка "
    "fru man mamma pappa syster bror vän kollega chef granne mormor farfar faster moster kız oğlum kızım annem babam"
)  # fmt: skip
_LABELS = (
    "name", "full name", "patient", "patientin", "customer", "client", "kunde", "kundin", "cliente", "nom", "nombre",
    "nome", "naam", "imię", "фио", "mieter", "bill to", "ship to", "attn", "from", "to", "cc", "contact", "sender",
    "recipient", "employee", "applicant", "author", "assigned", "owner", "tenant", "bcc", "klant", "klient", "absender",
    "empfänger", "ansprechpartner", "destinataire", "remitente", "isim", "ad soyad", "namn", "navn",
)  # fmt: skip
_OWN_AFFAIRS = frozenset(
    "email e-mail mail letter contract client patient colleague meeting invoice resume résumé cv cover reference eulogy "
    "complaint tenant landlord employee hr appointment invite bio birthday wedding call contact reply notes sign ship "
    "student customer brief vertrag einladung geburtstag mahnung zeugnis arbeitszeugnis hochzeitskarte mietvertrag "
    "lettre contrat courriel attestation anniversaire carta contrato correo burofax cumpleaños reclama reclamación "
    "lettera contratto diffida raccomandata compleanno e-mailadres contrat recurso reclamar aniversário brief aanmaning "
    "verjaardag klacht list umowa wezwanie urodziny skarga письмо договор претензия заявление brev kontrakt".split(" ")
)  # fmt: skip
_STOP = frozenset(
    "sir madam team all customer customers hiring manager friend friends santa editor professor world welt mundo monde "
    "mondo wereld everyone everybody there sirs colleagues god lord diary damen herren monsieur madame señor señora i "
    "you we they he she it the a an and or but if is are am please thank thanks ihr ihre sie wir ich der die das ein eine "
    "english german french spanish italian dutch polish russian chinese japanese korean irish american british indian "
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december python java linux windows github google omni chatgpt claude amazon who what "
    "when where why how can could would will do does did my our your his her their this that these those to from in on "
    "at of for with as by not no yes ok okay could kann können mein meine je tu il elle nous vous les la le un une el "
    "yo mi tu su los las una io tu lui lei o os as um uma meu minha ik jij hij zij de het een mijn мы вы он она они это "
    "efendim sayın herr frau mr mrs ms dr dott dott.ssa sig sr sra sra. dra prof team legend spinal".split(" ")
)  # fmt: skip
_PARTICLES = frozenset(
    ("van", "von", "der", "de", "la", "le", "del", "du", "den", "zu", "al", "el", "da", "do", "dos", "das")
)
_POSSESSIVES = (
    "my our his her their the mein meine meinen meiner meinem meines unser unsere unseren unserer mon ma mes notre mi mis "
    "nuestro nuestra mio mia il la meu minha nosso nossa mijn onze mój moja moją moje мой моя мою моего наш наша min mitt "
    "mina vår benim former".split(" ")
)  # fmt: skip
_CUES: dict[str, tuple[str, ...]] = {
    "sure": _SURE,
    "weak": _WEAK,
    "title": _TITLES,
    "greeting": _GREETINGS,
    "closing": _CLOSINGS,
    "relation": tuple(dict.fromkeys(_RELATIONS.split())),
    "label": _LABELS,
}
_BY_WORD: dict[str, list[tuple[str, str]]] = {}
for _kind, _phrases in _CUES.items():
    for _phrase in _phrases:
        _BY_WORD.setdefault(_phrase.split(" ")[-1], []).append((_kind, _phrase))
_TRIGGERS = frozenset(_BY_WORD)
WORDS = _TRIGGERS | _OWN_AFFAIRS
"""What this finder looks for first: whole words."""


def find_people(text: str, lowered: str, shape: bytes, words: Set[str], *, is_personal: bool) -> Iterator[Finding]:
    """Names in scripts with capitals.

    Args:
        text: As it was sent.
        lowered: The same in small letters, character by character.
        shape: Its shape.
        words: Those of `WORDS` that stand in it.
        is_personal: Something else in the text is personal, too.
    """
    for word in words & _TRIGGERS:
        for kind, phrase in _BY_WORD[word]:
            if phrase in lowered:
                yield from _after(text, lowered, kind, phrase)
    if (is_personal or words & _OWN_AFFAIRS) and _PAIR_SHAPE.search(shape):
        known, public = first_names(), public_names()
        for match in _PAIR.finditer(text):
            parts = match.group().lower().split(" ")
            if match["first"].lower() in known and parts[-1] not in public and parts[-1] not in _STOP:
                yield "person", match.start(), match.end()


def _after(text: str, lowered: str, kind: str, phrase: str) -> Iterator[Finding]:
    """Names right after each place of a cue."""
    place, n_seen = lowered.find(phrase), 0
    while place >= 0 and n_seen < _MAX_EACH:
        n_seen += 1
        end = place + len(phrase)
        if (place == 0 or text[place - 1] in _EDGE) and (end == len(text) or text[end] in _EDGE):
            found = _name_at(text, lowered, kind, place, end)
            if found:
                yield "person", *found
        place = lowered.find(phrase, end)


def _name_at(text: str, lowered: str, kind: str, start: int, end: int) -> tuple[int, int] | None:
    skipped = _SKIP.match(text, end)
    at = skipped.end() if skipped else end
    between = text[end:at]
    if kind == "label" and not any(mark in between for mark in ":="):
        return None
    if kind == "closing" and not ("," in between or "\n" in between or (between.strip() == "" and end < len(text))):
        return None
    if kind in ("greeting", "title", "weak") and ("\n" in between or ":" in between or "=" in between):
        return None
    if kind != "title" and (title := _TITLE.match(text, at)):
        at = title.end()
    match = _NAME.match(text, at)
    if match is None:
        return None
    stop = _cut(match.group())
    name = match.group()[:stop].rstrip()
    if not name or not _suits(name, kind, text, lowered, start, at + len(name)):
        return None
    return at, at + len(name)


def _cut(name: str) -> int:
    """Where a name ends: before the first word that is none."""
    place = 0
    for part in name.split(" "):
        if part.lower() in _STOP and (part.lower() not in _PARTICLES or not place):
            return place
        place += len(part) + 1
    return len(name)


def _suits(name: str, kind: str, text: str, lowered: str, start: int, end: int) -> bool:
    """Whether what follows a cue is a private person's name."""
    parts = name.lower().split(" ")
    is_listed = parts[0] in first_names()
    if parts[-1] in public_names() and kind not in ("sure", "label", "relation"):
        return False
    following = text[end : end + 2]
    if kind == "weak":
        return is_listed or (len(parts) > 1 and following[:1] in (",", "(", "."))
    if kind == "greeting":
        return (
            following[:1] in (",", "!", ":", "", "\n")
            or following in (" -", " –", " —")
            or (is_listed and following[:1] in ".;")
        )
    if kind == "closing":
        before = lowered[max(0, start - 1) : start]
        ends = following[:1] in ("", "\n", '"', "”", "»", "“", "'", ".", "|") or following == " »"
        return (ends or (is_listed and following[:1] in ",")) and before != "-"
    if kind == "relation":
        word_before = lowered[max(0, start - 24) : start].split()[-1:]
        return (
            is_listed
            or len(parts) > 1
            or (
                bool(word_before)
                and word_before[0].strip("\"'(,") in _POSSESSIVES
                and len(name) > 2
                and not _german_noun(lowered, name)
            )
        )
    if kind == "label":
        return is_listed or len(parts) > 1
    return len(name) > 1


def _german_noun(lowered: str, name: str) -> bool:
    """In German every noun has a capital: one word after "meine Mutter" is a name only when it is listed."""
    return any(word in lowered for word in ("meine ", "mein ", "unser")) and name.lower() not in first_names()


_HAN = "\u4e00-\u9fff々"
_JA_SURNAMES = "佐藤|鈴木|高橋|田中|伊藤|渡辺|渡邊|山本|中村|小林|加藤|吉田|山田|佐々木|山口|松本|井上|木村|林|斎藤|斉藤|清水|山崎|森|池田|橋本|阿部|石川|山下|中島|石井|小川|前田|岡田|長谷川|藤田|後藤|近藤|村上|遠藤|青木|坂本|福田|太田|西村|藤井|金子|岡本|藤原|三浦|中野|中川|原田|松田|竹内|小野|田村|中山|和田|石田|森田|上田|柴田|酒井|工藤|横山|宮崎|宮本|内田|高木|安藤|谷口|大野|丸山|今井|高田|河野|藤本|小島|村田|武田|上野|杉山|増田|平野|大塚|千葉|久保|松井|小山|岩崎|桜井|野口|松尾|野村|木下|菊地|佐野|大西|杉本|新井|佐久間|浜田|菅原|市川|水野|小松|島田|古川|早川|川口|西田|菊池|星野"  # fmt: skip
_JA_HONOUR = "様|さま|さん|氏|殿|くん|君|ちゃん|部長|課長|社長|係長|主任|先生"
_JA_PUBLIC = ("織田", "徳川", "豊臣", "夏目", "紫式部", "芥川", "太宰", "宮崎駿", "黒澤")
_JAPANESE = re.compile(
    rf"(?:(?<=名前は)|(?<=氏名[:：])|(?<=担当の)|(?<=同僚の)|(?<=友人の))[{_HAN}]{{1,4}}[ 　]?[{_HAN}ぁ-んァ-ヶー]{{1,4}}?(?=です|と|さん|様|、|。|\s|$)"
    rf"|(?:{_JA_SURNAMES})[ 　]?[{_HAN}ァ-ヶー]{{0,3}}(?:[ぁ-ん]{{2,4}}?)?(?=(?:{_JA_HONOUR}|と申します|といいます))"
    rf"|[{_HAN}]{{2,4}}[ 　][{_HAN}]{{1,3}}(?=と申します|様|さん)"
)
_ZH_SURNAMES = "欧阳|司马|上官|诸葛|夏侯|王|李|张|刘|陈|杨|赵|黄|周|吴|徐|孙|胡|朱|高|林|何|郭|马|罗|梁|宋|郑|谢|韩|唐|冯|于|董|萧|程|曹|袁|邓|许|傅|沈|曾|彭|吕|苏|卢|蒋|蔡|贾|丁|魏|薛|叶|阎|余|潘|杜|戴|夏|钟|汪|田|任|姜|范|方|石|姚|谭|廖|邹|熊|金|陆|郝|孔|白|崔|康|毛|邱|秦|江|史|顾|侯|邵|孟|龙|万|段|雷|钱|汤|尹|黎|易|常|武|乔|贺|赖|龚|文"  # fmt: skip
_CHINESE = re.compile(
    rf"(?:(?<=我叫)|(?<=我是)|(?<=名字是)|(?<=名叫)|(?<=姓名[:：])|(?<=联系人[:：])|(?<=收件人[:：])|(?<=客户[:：])|(?<=同事)|(?<=朋友)|(?<=老板)|(?<=邻居))"
    rf"(?:{_ZH_SURNAMES})[{_HAN}]{{1,2}}(?![年月日个的])"
    rf"|(?:{_ZH_SURNAMES})[{_HAN}]{{0,2}}?(?=先生|女士|小姐|老师|同学|经理|医生|师傅|太太)"
)
_ZH_STOP = frozenset(("高中", "高一", "高二", "高三", "任何", "方程", "金融", "白领", "文科", "何种"))
_KO_SURNAMES = "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진엄채원천방공현함변염여추도소석선설마길연위표명기반라왕금옥육인맹제모탁국"  # fmt: skip
_KOREAN = re.compile(
    rf"(?:(?<=이름은 )|(?<=저는 )|(?<=성함: )|(?<=이름: )|(?<=담당자: )|(?<=고객: )|(?<=팀장 )|(?<=친구 )|(?<=동료 ))[{_KO_SURNAMES}][가-힣]{{2}}(?=입니다|이라고|라고|이에요|예요|이고|[,.\s]|님|씨|$)"
    rf"|(?<![가-힣])[{_KO_SURNAMES}][가-힣]{{2}}(?= ?(?:님|씨|고객님|팀장|과장|부장|대리|선생님|사원|교수님|이사님))"
)
_KO_STOP = frozenset(("고객", "선생", "이사장", "위원장", "변호사", "공무원", "여러분", "주인공"))
_OTHER = re.compile(
    r"(?:(?<=اسمي )|(?<=أنا ))(?P<arabic>[\u0621-\u064a]{2,14} [\u0621-\u064a]{2,14})(?=[،,.]| و| من|$)"
    r"|(?<=मेरा नाम )(?P<hindi>[\u0900-\u097f]{2,20}(?: [\u0900-\u097f]{2,20}){0,2}?)(?= है)"
    r"|(?<=मैं )(?P<hindi2>[\u0900-\u097f]{2,20} [\u0900-\u097f]{2,20})(?= हूँ| हूं)"
)
_NO_CAPITALS = re.compile(r"[\u0600-\u06ff\u0900-\u097f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_JA_CUES = (*_JA_HONOUR.split("|"), "名前", "氏名", "担当", "同僚", "友人", "申しま", "といいま")
_ZH_CUES = (
    "我叫", "我是", "名字", "名叫", "姓名", "联系人", "收件人", "客户", "同事", "朋友", "老板", "邻居", "先生", "女士", "小姐",
    "老师", "同学", "经理", "医生", "师傅", "太太",
)  # fmt: skip
_KO_CUES = (
    "이름",
    "저는",
    "성함",
    "담당자",
    "고객",
    "팀장",
    "친구",
    "동료",
    "님",
    "씨",
    "과장",
    "부장",
    "대리",
    "사원",
)
_OTHER_CUES = ("اسمي", "أنا", "मेरा नाम", "मैं")


def find_people_elsewhere(text: str) -> Iterator[Finding]:
    """Names in scripts without capitals: after a cue, or before a form of address."""
    if _NO_CAPITALS.search(text) is None:
        return
    if _KANA.search(text):
        for match in _JAPANESE.finditer(text) if any(cue in text for cue in _JA_CUES) else ():
            if not match.group().startswith(_JA_PUBLIC):
                yield "person", *match.span()
    elif any(cue in text for cue in _ZH_CUES):
        for match in _CHINESE.finditer(text):
            if match.group()[:2] not in _ZH_STOP:
                yield "person", *match.span()
    for match in _KOREAN.finditer(text) if any(cue in text for cue in _KO_CUES) else ():
        if match.group() not in _KO_STOP and not match.group().startswith("고객"):
            yield "person", *match.span()
    for match in _OTHER.finditer(text) if any(cue in text for cue in _OTHER_CUES) else ():
        words = match.group().split(" ")
        if match["arabic"] is None or words[0] in first_names() or words[1].startswith("ال"):
            yield "person", *match.span()
