"""Values come back wherever an answer holds their placeholders."""

import copy
import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni.privacy import Restorer

VALUES = {"EMAIL_1": "jo@example.org", "EMAIL_12": "al@example.net", "PERSON_2": 'Ana "A" Ruiz', "ID_1": "12345678Z"}
FRAGMENTS = (
    *(f"[{key}]" for key in VALUES),
    *(
        "EMAIL_1",
        "EMAIL_12",
        "PERSON_2",
        "[Email_1]",
        "［EMAIL_1］",
        "【ID_1】",
        "[ID-1]",
        "[email 1]",
        "**[EMAIL_1]**",
    ),
    *("[ PERSON_2 ]", "[EMAIL\\_1]", "EMAIL\\_12", "EMAIL_3", "[EMAIL_", "[", "]", "_", "\\", "1", "E", "EMAIL"),
    *(
        "xEMAIL_1",
        "EMAIL_1x",
        " ",
        "\n",
        "你好",
        "[PERSON",
        "[[EMAIL_1]]",
        "-",
        "a",
        "Z",
        "［",
        "(EMAIL_1)",
        "`EMAIL_1`",
    ),
)


def restored_in_pieces(text: str, cuts: list[int]) -> str:
    """The text fed in pieces that end at the cuts."""
    restorer = Restorer(VALUES)
    places = [0, *sorted(cuts), len(text)]
    pieces = [restorer.feed(text[start:end]) for start, end in pairwise(places)]
    return "".join([*pieces, restorer.flush()])


@pytest.mark.parametrize(
    "written",
    [
        "[EMAIL_1]",
        "EMAIL_1",
        "[Email_1]",
        "[email_1]",
        "［EMAIL_1］",
        "【EMAIL_1】",
        "[EMAIL\\_1]",
        "[EMAIL 1]",
        "[EMAIL-1]",
        "[ EMAIL_1 ]",
    ],
)
def test_small_changes_of_a_model_do_no_harm(written):
    """A placeholder is known again in the forms that models give it."""
    assert Restorer(VALUES).restore(f"Write to {written}, please") == "Write to jo@example.org, please"


def test_marks_around_a_placeholder_stay():
    """Only the placeholder's own brackets go."""
    shown = Restorer(VALUES).restore("**[EMAIL_1]** (EMAIL_1) `EMAIL_1` [[EMAIL_1]] 给EMAIL_1。")
    assert shown == "**jo@example.org** (jo@example.org) `jo@example.org` [jo@example.org] 给jo@example.org。"


@pytest.mark.parametrize("text", ["[EMAIL_2]", "MY_EMAIL_1", "EMAIL_1x", "email_1 = 3", "[EMAIL_1x]", "EMAIL_123"])
def test_other_words_are_left_alone(text):
    """What only looks like a placeholder stays as it is."""
    assert Restorer(VALUES).restore(text) == text


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12), st.lists(st.integers(0, 150), max_size=20))
def test_any_pieces_give_the_same_text(fragments, cuts):
    """Where a stream is cut changes nothing."""
    text = "".join(fragments)
    cuts = [cut for cut in cuts if cut <= len(text)]
    assert restored_in_pieces(text, cuts) == Restorer(VALUES).restore(text)


@given(st.text(alphabet="[]［EMAIL_12ab \\-", max_size=60))
def test_single_characters_give_the_same_text(text):
    """A stream of single characters is restored like the whole."""
    assert restored_in_pieces(text, list(range(len(text)))) == Restorer(VALUES).restore(text)


def test_plain_text_is_not_held_back():
    """Only an end that may become a placeholder waits."""
    restorer = Restorer(VALUES)
    assert restorer.feed("Dear Sir, [see") == "Dear Sir, [see"
    assert restorer.feed(" [EM") == " "
    assert restorer.feed("AIL_1") == ""
    assert restorer.feed("]!") == "jo@example.org!"


def test_values_in_json_are_escaped():
    """Inside tool calls a value with quotes keeps the JSON whole."""
    assert Restorer(VALUES, as_json=True).restore('{"to": "[PERSON_2]"}') == '{"to": "Ana \\"A\\" Ruiz"}'


def test_nothing_of_the_values_is_shown_or_written():
    """Neither the text form nor pickle gives them away; a copy works on its own text."""
    restorer = Restorer(VALUES)
    assert "jo@" not in repr(restorer)
    with pytest.raises(TypeError):
        pickle.dumps(restorer)
    twin = copy.deepcopy(restorer)
    restorer.feed("[EMA")
    assert twin.flush() == ""
    assert twin.restore("ID_1") == "12345678Z"
