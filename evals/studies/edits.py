"""Edits that change the wording or the form of a prompt and keep its question.

The polite words stand here apart from the list that reading sets aside (`omni/reading/courtesy.py`); a test holds the
edits marked "unlisted" out of it, so that they show what a wording costs that is on no list.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Edit = Callable[[str, str], str]
"""Takes text and language."""

TYPO_SHARE = 0.05
"""Share of words that get a typing error."""


class Politeness(NamedTuple):
    """Polite words of one language, with the space and marks that join them to a prompt."""

    please: str
    greeting: str
    thanks: str
    formal: str
    """A greeting and a request in the formal manner."""
    unlisted_opening: str
    unlisted_closing: str


POLITENESS = {
    "en": Politeness(
        "Please, ", "Hi there! ", " Thank you!", "Good afternoon. Would you kindly help with this? ",
        "I hope you can help me. ", " I would appreciate it.",
    ),
    "de": Politeness(
        "Bitte: ", "Hallo! ", " Vielen Dank!", "Schönen guten Tag. ",
        "Ich hoffe, du kannst mir helfen. ", " Das wäre lieb von dir.",
    ),
    "es": Politeness(
        "Por favor: ", "¡Hola! ", " ¡Gracias!", "Muy buenas tardes. ",
        "Espero que puedas ayudarme. ", " Te lo agradecería.",
    ),
    "fr": Politeness(
        "S'il te plaît : ", "Bonjour ! ", " Merci !", "Bonsoir, ",
        "J'espère que tu peux m'aider. ", " Je t'en serais reconnaissant.",
    ),
    "it": Politeness(
        "Per favore: ", "Ciao! ", " Grazie!", "Buon pomeriggio. ",
        "Spero che tu possa aiutarmi. ", " Te ne sarei grato.",
    ),
    "pt": Politeness(
        "Por favor: ", "Olá! ", " Obrigado!", "Boa tarde. ",
        "Espero que você possa me ajudar. ", " Eu ficaria grato.",
    ),
    "nl": Politeness(
        "Alsjeblieft: ", "Hallo! ", " Dank je!", "Goedemiddag. ",
        "Ik hoop dat je me kunt helpen. ", " Dat zou ik waarderen.",
    ),
    "zh": Politeness("请", "你好！", "谢谢！", "下午好，", "希望你能帮我。", "不胜感激。"),
    "ja": Politeness(
        "お願いします。", "こんにちは。", "ありがとうございます。", "お世話になっております。",
        "助けてもらえると嬉しいです。", "助かります。",
    ),
    "ko": Politeness(
        "부탁합니다. ", "안녕하세요! ", " 감사합니다!", "안녕하십니까? ",
        "도와주시면 좋겠습니다. ", " 그러면 고맙겠어요.",
    ),
    "ru": Politeness(
        "Пожалуйста, ", "Здравствуйте! ", " Спасибо!", "Добрый вечер. ",
        "Надеюсь, ты мне поможешь. ", " Буду признателен.",
    ),
    "ar": Politeness("من فضلك، ", "مرحبا! ", " شكرا!", "مساء الخير. ", "أتمنى أن تساعدني. ", " سأكون ممتنا."),
    "hi": Politeness(
        "कृपया, ", "नमस्ते! ", " धन्यवाद!", "शुभ संध्या। ", "आशा है आप मेरी मदद करेंगे। ", " मैं आभारी रहूँगा।",
    ),
    "tr": Politeness(
        "Lütfen, ", "Merhaba! ", " Teşekkürler!", "İyi akşamlar. ",
        "Umarım bana yardım edebilirsin. ", " Minnettar olurum.",
    ),
}  # fmt: skip

SYNONYMS = {
    "write": "compose", "explain": "describe", "show": "demonstrate", "find": "determine", "big": "large",
    "quick": "fast", "fix": "repair", "make": "create", "help": "assist", "start": "begin", "buy": "purchase",
    "story": "tale", "list": "enumerate", "tell": "inform", "need": "require", "use": "employ", "error": "mistake",
    "picture": "image", "photo": "photograph", "job": "position", "kids": "children", "answer": "reply",
    "many": "numerous", "small": "little", "short": "brief", "often": "frequently", "get": "obtain",
    "happy": "glad", "hard": "difficult", "keep": "retain", "choose": "select", "check": "verify", "car": "automobile",
    "town": "city", "shop": "store", "also": "too", "about": "concerning", "between": "among", "because": "since",
}  # fmt: skip

_END_MARKS = ".!?。！？؟।…"
_CURLY = str.maketrans({"'": "’"})


def edits(rng: np.random.Generator) -> dict[str, Edit]:
    """Name to edit; the part of a name before the colon is its family."""
    return {
        "case: lower": lambda text, _: text.lower(),
        "case: upper": lambda text, _: text.upper(),
        "case: title": lambda text, _: " ".join(word[:1].upper() + word[1:] for word in text.split(" ")),
        "space: doubled": lambda text, _: text.replace(" ", "  "),
        "space: around": lambda text, _: f"\n  {text} \n\n",
        "space: blank lines": lambda text, _: text.replace("\n", "\n\n"),
        "politeness: please": lambda text, language: _polite(language).please + text,
        "politeness: greeting": lambda text, language: _polite(language).greeting + text,
        "politeness: thanks": lambda text, language: text + _polite(language).thanks,
        "politeness: formal": lambda text, language: _polite(language).formal + text,
        "politeness: both ends": lambda text, language: _polite(language).greeting + text + _polite(language).thanks,
        "politeness: misspelt": lambda text, language: text + swapped(_polite(language).thanks, 3),
        "politeness: unlisted opening": lambda text, language: _polite(language).unlisted_opening + text,
        "politeness: unlisted closing": lambda text, language: text + _polite(language).unlisted_closing,
        "quotes: around": lambda text, _: f'"{text}"',
        "quotes: curly": lambda text, _: text.translate(_CURLY),
        "end mark: none": lambda text, _: text.rstrip(_END_MARKS) or text,
        "end mark: doubled": lambda text, _: text + text[-1] if text[-1:] in _END_MARKS else text,
        "typos": lambda text, _: with_typos(text, rng),
        "typos: lost letter": lambda text, _: with_lost_letters(text, rng),
        "synonyms": lambda text, language: with_synonyms(text) if language == "en" else text,
    }


def with_typos(text: str, rng: np.random.Generator) -> str:
    """The text with two neighbouring letters swapped in one of twenty words, at least one, of four letters or more."""
    words = text.split(" ")
    for index in _some_words(words, rng):
        words[index] = swapped(words[index], int(rng.integers(1, len(words[index]) - 2)))
    return " ".join(words)


def with_lost_letters(text: str, rng: np.random.Generator) -> str:
    """The text with one inner letter left out in as many words."""
    words = text.split(" ")
    for index in _some_words(words, rng):
        place = int(rng.integers(1, len(words[index]) - 1))
        words[index] = words[index][:place] + words[index][place + 1 :]
    return " ".join(words)


def with_synonyms(text: str) -> str:
    """The text with common English words replaced by others of the same meaning."""
    words = []
    for word in text.split(" "):
        other = SYNONYMS.get(word.lower().strip(".,?!:;"))
        words.append(word.lower().replace(word.lower().strip(".,?!:;"), other) if other else word)
    return " ".join(words)


def swapped(text: str, place: int) -> str:
    """The text with the character at a place and the next one exchanged, the same where it is too short."""
    return text[:place] + text[place + 1 : place + 2] + text[place : place + 1] + text[place + 2 :]


def _some_words(words: list[str], rng: np.random.Generator) -> list[int]:
    long = [index for index, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    if not long:
        return []
    return list(rng.choice(long, size=max(1, round(TYPO_SHARE * len(long))), replace=False).tolist())


def _polite(language: str) -> Politeness:
    return POLITENESS.get(language, POLITENESS["en"])
