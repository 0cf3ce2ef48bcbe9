"""Polite clauses around a question are set aside, and nothing else."""

import pytest

from evals.studies.edits import POLITENESS
from omni.config import DATA_DIR
from omni.errors import OmniError
from omni.reading.courtesy import load_courtesy
from omni.reading.features import COURTESY_FILE


@pytest.fixture(scope="module")
def courtesy():
    """The shipped phrases."""
    return load_courtesy(DATA_DIR / COURTESY_FILE)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Hello everyone! Name three rivers in Peru.", "Name three rivers in Peru."),
        ("Could you please name three rivers in Peru, please?", "name three rivers in Peru"),
        ("Name three rivers in Peru. Thanks a lot :)", "Name three rivers in Peru."),
        ("name three rivers in Peru thx", "name three rivers in Peru"),
        ("¡Buenas tardes! ¿Cuántos ríos tiene Perú?", "¿Cuántos ríos tiene Perú?"),
        ("İyi günler. Peru'da hangi nehirler var?", "Peru'da hangi nehirler var?"),
        ("秘鲁有哪些河流？谢谢！", "秘鲁有哪些河流？"),
        ("すみません。ペルーの川を三つ教えて。", "ペルーの川を三つ教えて。"),
        ("Namn på tre floder i Peru, tack!", "Namn på tre floder i Peru"),
    ],
)
def test_courtesy_at_both_ends_is_set_aside(courtesy, text, question):
    """What is left is the question."""
    assert courtesy.strip(text) == question


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "Hi! Thanks!",
        "谢谢你",
        "Hello world in assembly for the Z80",
        "How do you say thank you?",
        "Write my aunt a note of thanks",
        "Translate into French: Thank you!",
        'Translate "Good morning" into Welsh.',
        "Hey Jude: which chords does the chorus have?",
        "Hi, fix: x=1",
        "Thankfulness in the psalms",
        "请假条怎么写比较好看",
        "print('thank you')",
    ],
)
def test_words_that_are_the_matter_stay(courtesy, text):
    """A prompt of greetings alone, and polite words that the question is about, are not touched."""
    assert courtesy.strip(text) == text


@pytest.mark.parametrize("language", POLITENESS)
def test_the_measure_keeps_phrases_that_nobody_listed(courtesy, language):
    """The edits called unlisted are not in the list, so that the flip rate shows what such a wording costs."""
    words = POLITENESS[language]
    text = f"{words.unlisted_opening}Quito, Lima, La Paz, Bogotá{words.unlisted_closing}"
    assert courtesy.strip(text) == text


def test_only_a_clause_is_taken_off(courtesy):
    """However often it is repeated, something is left to answer."""
    assert courtesy.strip("please " * 30 + "sing").endswith("sing")


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("What is the capital of Peru?\nAnswer with the letter of the correct option.", "What is the capital of Peru?"),
        ("Pick one of the following options. Who wrote Emma?", "Who wrote Emma?"),
        ("Solve 3x + 2 = 11. Think step by step. Put your final answer in \\boxed{}.", "Solve 3x + 2 = 11."),
        ("Wie heißt die Hauptstadt von Peru? Antworte nur mit dem Buchstaben.", "Wie heißt die Hauptstadt von Peru?"),
        ("秘鲁的首都是哪里?请从选项中选出正确答案。", "秘鲁的首都是哪里?"),
        ("I want to write a letter to my landlord about the heating.", None),
        ("Answer the letter from my aunt in a friendly tone.", None),
    ],
)
def test_the_form_of_a_test_answer_is_set_aside(courtesy, text, question):
    """A letter or a box as an answer is no task; a letter to a person is one."""
    assert courtesy.strip(text) == (question or text)


def test_a_file_that_is_missing_is_named(tmp_path):
    """The error says what was expected."""
    with pytest.raises(OmniError, match="requests"):
        load_courtesy(tmp_path / "none.yml")
