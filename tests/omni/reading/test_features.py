"""Text becomes one feature row."""

import numpy as np
import pytest

from omni.reading import Reader, estimate_tokens
from omni.reading.canonical import canonicalise
from omni.reading.ngrams import code_points
from omni.reading.scripts import find_script
from omni.reading.structure import count_characters, find_structure


def structure_of(text: str):
    """The structure of a text."""
    canonical = canonicalise(text)
    return find_structure(canonical, count_characters(code_points(canonical.flat)).n_digit_runs)


def test_blocks_are_normalised(reader: Reader):
    """Both embedding blocks have length one, signals stay small."""
    maker = reader.features
    row = maker.features(["Explain the difference between a stack and a queue."])[0]
    assert row.dtype == np.float32
    assert len(row) == maker.n_embedding + len(maker.signal_names)
    assert np.linalg.norm(row[: maker.n_static]) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(row[maker.n_static : maker.n_embedding]) == pytest.approx(1.0, abs=1e-5)
    assert np.abs(row[maker.n_embedding :]).max() < 2.0


def test_case_and_white_space_hardly_count(reader: Reader):
    """Case and white space leave the embedding as it is."""
    first, second = reader.features.features(["Name three rivers in Peru.", "  NAME three\t rivers   in peru. \n"])
    n_embedding = reader.features.n_embedding
    assert np.allclose(first[:n_embedding], second[:n_embedding], atol=1e-6)


@pytest.mark.parametrize(
    "text", ["Ünïcode naïve café?", "混合 text と かな", "don't re-tokenise U.S.A. 3.14!", "unbelievablyfoo"]
)
def test_word_pieces_are_those_of_the_tokenizer(reader: Reader, text: str):
    """Our reading of word pieces agrees with the tokenizers library."""
    tokenizers = pytest.importorskip("tokenizers")
    from omni.config import DATA_DIR

    tokenizer = tokenizers.Tokenizer.from_file(str(DATA_DIR / "encoder/static-minilm-d256-int8/tokenizer.json"))
    tokenizer.no_truncation()
    flat = canonicalise(text).flat
    expected = [piece for piece in tokenizer.encode(flat, add_special_tokens=False).ids if piece != 1]
    encoder = reader.features.encoder
    assert encoder.piece_ids(encoder.words(flat)).tolist() == expected


@pytest.mark.parametrize(
    "other", ['"What is a fjord?"', "What is  a\tfjord", "what is a fjord?!", "Hi! What is a fjord? Thank you."]
)
def test_form_does_not_change_the_row(reader: Reader, other: str):
    """Quotes around, white space, end marks, case and courtesy leave the feature row as it is."""
    rows = reader.features.features(["What is a fjord?", other])
    assert np.array_equal(rows[0], rows[1])


def test_typographic_marks_are_plain_ones():
    """Curly quotes and long dashes read like those of a keyboard."""
    assert canonicalise("Who said “yes” – and who didn’t").flat == 'who said "yes" - and who didn\'t'


def test_marks_alone_are_kept():
    """A prompt of marks is no empty prompt."""
    assert canonicalise("?!").text == "?!"


def test_further_spaces_are_no_tokens():
    """Doubled spaces and white space around cost nothing."""
    text = "Some words, 12 numbers and a line."
    assert estimate_tokens(f"\n {text.replace(' ', '  ')} ") == estimate_tokens(text)


def test_long_text_keeps_head_and_tail():
    """Of a long text the beginning and the end are read, whatever its length."""
    canonical = canonicalise("BEGIN " + "filler " * 500_000 + " END")
    assert canonical.flat.startswith("begin")
    assert canonical.flat.endswith("end")
    assert len(canonical.flat) < 3000
    assert canonical.n_chars > 3_000_000


def test_structure_is_found():
    """Code, formulas, options and JSON wishes are seen."""
    assert structure_of("Fix this:\n```python\nprint(1)\n```").has_code
    assert structure_of(r"Compute $\frac{1}{2} + x^2$").has_latex
    assert structure_of("Which?\nA. one\nB. two\nC. three").n_options == 3
    assert structure_of("Answer as JSON").asks_json
    assert structure_of("| a | b |\n|---|---|\n| 1 | 2 |").has_table


def test_answer_options_are_counted_and_lose_their_letters():
    """What options say tells the subject, their letters tell a test; a single lettered line stays as it is."""
    canonical = canonicalise("Which of these is a mammal?\nA. shark\nB. whale\nC. trout")
    assert (canonical.text, canonical.n_options) == ("Which of these is a mammal?\nshark\nwhale\ntrout", 3)
    assert canonicalise("A. Smith wrote this.").text == "A. Smith wrote this"


def test_prices_are_no_formula_and_prose_no_code():
    """Dollar signs in prices and brackets in prose are neither."""
    found = structure_of("It costs $5 today (and $10 tomorrow); why?")
    assert not found.has_latex
    assert not found.has_code


@pytest.mark.parametrize(
    ("text", "script"),
    [("hello", "Latn"), ("привет", "Cyrl"), ("你好吗", "Hani"), ("これは何", "Jpan"), ("안녕", "Kore"), ("12", "Zyyy")],
)
def test_script_by_ranges(text: str, script: str):
    """The script is that of most letters."""
    assert find_script(code_points(text)) == script


def test_token_rates_differ_by_script():
    """English prose takes about a token per 4-5 characters, Chinese one per 1-2."""
    english = "The committee will meet again next week to discuss the remaining points. " * 20
    chinese = "委员会下周将再次开会讨论剩下的问题。" * 20
    assert 4.0 < len(english) / estimate_tokens(english) < 5.2
    assert 1.0 < len(chinese) / estimate_tokens(chinese) < 2.0
    assert estimate_tokens("") == 0


def test_sampled_token_count_is_close():
    """Sampling a long text gives nearly the full count."""
    unit = "Some words, 12 numbers and a line.\n"
    few, many = estimate_tokens(unit * 1000), estimate_tokens(unit * 100_000)
    assert many == pytest.approx(100 * few, rel=0.02)
