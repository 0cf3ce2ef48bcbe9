"""The shape of a text says what kind of character stands where."""

from omni.reading.private.shape import find_shape


def test_shape_has_one_letter_for_each_character():
    """Capitals, other letters, digits of any script, and marks as they are."""
    text = "Ed’s Łódź, 12-٣ 王–ß\n😀@"
    assert find_shape(text) == b"Aa'a Aaaa, 00-0 a-a\n_@"
    assert len(find_shape(text)) == len(text)
