# ruff: noqa: E501 - a pattern or a list of words is easier to read and to search when it is not cut
"""Keys, tokens and passwords: forms with a prefix that gives them away, and values that a text calls a secret."""

import importlib
import re
from collections.abc import Iterator, Set
from functools import lru_cache

# a prefix that must stand in the text, then the detect-secrets plugin that knows the form, or a form of our own
_LIBRARY = (
    ("aws", "AWSKeyDetector", ("AKIA", "ASIA", "ABIA", "ACCA", "A3T")),
    ("github_token", "GitHubTokenDetector", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    ("gitlab_token", "GitLabTokenDetector", ("glpat-", "gldt-", "glrt-", "GR1348941", "glcbt-", "glptt-")),
    ("slack", "SlackDetector", ("xox",)),
    ("stripe", "StripeDetector", ("k_live_",)),
    ("telegram_token", "TelegramBotTokenDetector", (":AA",)),
    ("sendgrid", "SendGridDetector", ("SG.",)),
    ("pypi_token", "PypiTokenDetector", ("pypi-Ag",)),
    ("azure_storage_key", "AzureStorageKeyDetector", ("AccountKey=",)),
    ("mailchimp", "MailchimpDetector", ("-us",)),
)
_OWN = (
    ("eyJ", re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")),
    ("hf_", re.compile(r"\bhf_[A-Za-z0-9]{20,}\b")),
    ("sk-", re.compile(r"\bsk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{20,}")),
    ("_live_", re.compile(r"\b[sr]k_live_[A-Za-z0-9]{16,}\b")),
    ("github_pat_", re.compile(r"\bgithub_pat_[A-Za-z0-9_]{22,}\b")),
    ("AIza", re.compile(r"\bAIza[0-9A-Za-z_-]{30,}")),
    ("xai-", re.compile(r"\bxai-[A-Za-z0-9]{40,}\b")),
    ("gsk_", re.compile(r"\bgsk_[A-Za-z0-9]{30,}\b")),
    ("npm_", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    ("hooks.slack.com/services/", re.compile(r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+")),
    # whoever asks about a key pastes its head at least
    ("PRIVATE KEY", re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[^-]{0,20000}-----END [A-Z ]{0,40}-----)?")),
    ("PuTTY-User-Key", re.compile(r"PuTTY-User-Key-File-\d[^\0]{0,4000}")),
    ("://", re.compile(r"(?<=://)[^\s:/@\"'<>]{1,64}:[^\s:/@\"'<>]{3,128}(?=@[\w\[])")),
)  # fmt: skip
# what a secret is called
_NAMES = frozenset((
    "password", "passwd", "passcode", "passphrase", "passwort", " pass ", "pass:", "api key", "api_key", "api-key",
    "apikey", "clé api", "chiave api", "apiキー", "secret", "token", "pwd", "access key", "access_key", "adgangskode",
    "zugangscode", "code d'accès", "kennwort", "mot de passe", "clave", "senha", "wachtwoord", "parola", "kata sandi",
    "salasana", "heslo", "contraseña", "hasło", "пароль", "şifre", "lösenord", "mật khẩu", "كلمة المرور", "पासवर्ड",
    "パスワード", "暗証番号", "密码", "密碼", "密钥", "비밀번호", "암호",
))  # fmt: skip
_AFTER = re.compile(
    r"[\w\"']{0,24}(?:\s{0,3}(?P<sign>:=|=>|[:=：])\s{0,3}|\s{1,3}(?:is\s|was\s|ist\s|es\s|est\s|jest\s|é\s|è\s)?)"
    r"[\"'`“„«]?(?P<value>[^\s\"'`“”„«»,;<>{}()\[\]、。，；]{6,200})"
)
_MAX_NAMED = 200
# by the prefix in small letters
_FORMS: dict[str, tuple[str, re.Pattern[str] | tuple[str, str]]] = {
    **{gate.lower(): (gate, pattern) for gate, pattern in _OWN},
    **{gate.lower(): (gate, (module, name)) for module, name, gates in _LIBRARY for gate in gates},
}
STEMS = _NAMES | _FORMS.keys()
"""What this finder looks for first."""


def find_secrets(text: str, lowered: str, stems: Set[str]) -> Iterator[tuple[int, int]]:
    """Places of secrets.

    Args:
        text: As it was sent.
        lowered: The same in small letters, character by character.
        stems: Those that stand in `lowered`.
    """
    for stem in stems & _FORMS.keys():
        gate, forms = _FORMS[stem]
        if gate in text:
            for form in _library_patterns(*forms) if isinstance(forms, tuple) else (forms,):
                yield from (match.span() for match in form.finditer(text))
    for name in stems & _NAMES:
        yield from _named(text, lowered, name)


def _named(text: str, lowered: str, name: str) -> Iterator[tuple[int, int]]:
    """Values right after what a secret is called."""
    place, n_seen = lowered.find(name), 0
    while place >= 0 and n_seen < _MAX_NAMED:
        n_seen += 1
        match = _AFTER.match(text, place + len(name.rstrip(" :")))
        if match and _is_value(match["value"], is_assigned=match["sign"] is not None):
            yield match.start("value"), match.start("value") + len(match["value"].rstrip(".!?:"))
        place = lowered.find(name, place + len(name))


def _is_value(value: str, *, is_assigned: bool) -> bool:
    value = value.rstrip(".!?:")
    has_letter = any(character.isalpha() for character in value)
    if not has_letter or len(value) < 6:
        return False
    if not any(character.isdigit() for character in value):
        return is_assigned and len(value) >= 24 and value.isalnum() and _is_mixed(value)
    # a word that stands for a value: <password1>, $PASSWORD, os.environ, %s, an identifier
    if value[0] in "$%&*" or "://" in value or (value.isidentifier() and value.islower() and not is_assigned):
        return False
    return is_assigned or any(not c.isalnum() and c not in "-_./" for c in value) or _is_mixed(value)


def _is_mixed(value: str) -> bool:
    return any(c.islower() for c in value) and any(c.isupper() for c in value[1:])


@lru_cache(maxsize=32)
def _library_patterns(module: str, name: str) -> tuple[re.Pattern[str], ...]:
    detector = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)
    return tuple(detector().denylist)
