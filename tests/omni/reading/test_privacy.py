"""Personal data and secrets are found by kind and place."""

import pytest

from omni.reading.privacy import find_private

HF = "hf_" + "aB3" * 11
GITHUB = "ghp_" + "a1" * 18
OPENAI = "sk-proj-" + "Ab1_" * 10
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("jo.doe@example.org", "email"),
        ("+49 30 901820", "phone"),
        ("4111 1111 1111 1111", "card"),
        ("DE89 3704 0044 0532 0130 00", "iban"),
        ("529.982.247-25", "national_id"),
        ("12345678Z", "national_id"),
        ("536-90-4399", "national_id"),
        ("203.0.113.7", "ip_address"),
        ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "ip_address"),
        (HF, "secret"),
        (GITHUB, "secret"),
        (OPENAI, "secret"),
        ("AKIAIOSFODNN7EXAMPLE", "secret"),
        (JWT, "secret"),
    ],
)
def test_kind_and_place_are_found(value, kind):
    """Each kind is found where it stands."""
    before = "Please note "
    spans = find_private(f"{before}{value} for later", 2, "en")
    assert [span.kind for span in spans] == [kind]
    assert (spans[0].start, spans[0].end) == (len(before), len(before) + len(value))
    assert spans[0].message_index == 2


def test_private_key_block_is_a_secret():
    """The head of a private key is enough."""
    assert find_private("-----BEGIN RSA PRIVATE KEY-----\nMIIE", 0, "en")[0].kind == "secret"


@pytest.mark.parametrize(
    "text",
    [
        "Add 100000, 200000 and 300000.",
        "On 2024-11-22 the temperature was 3.14159265358979.",
        "Version 1.2.3 replaced 1.2.2 in 1999.",
        "What does the password field in this form do?",
        "def f(a): return a[1:2:3]",
    ],
)
def test_ordinary_numbers_are_no_finding(text):
    """Quantities, dates and versions are not personal data."""
    assert find_private(text, 0, "en") == []


def test_number_that_breaks_a_library_is_read_on():
    """A number whose place python-stdnum's tables lack is no finding and no error."""
    assert find_private("ref 329053198201010013 please", 0, "zh") == []


def test_numbers_of_a_long_text_are_found_at_their_place():
    """Long plain texts are searched in another way than short ones, with the same finding."""
    values = ("+49 30 901820", "4111 1111 1111 1111", "192.168.1.4", "DE89370400440532013000")
    text = " nothing to see here, 12 of 30 boats. ".join(("", *values)) + " end" + " and so on" * 30
    assert [text[s.start : s.end] for s in find_private(text, 0, "de")] == list(values)
