"""Server-sent events cut from bytes, wherever the network cuts them."""

import json

import pytest

from omni.api.events import MAX_EVENT_BYTES, EventReader, sse, to_json
from omni.errors import BadReply

TEXT = b': hello\n\ndata: {"a": 1}\n\ndata:{"b": "\xc3\xa9"}\r\n\r\nevent: x\ndata: [1,\ndata: 2]\n\ndata: [DONE]\n\n'
PARTS = [b'{"a": 1}', b'{"b": "\xc3\xa9"}', b"[1,\n2]"]


@pytest.mark.parametrize("n_bytes", [1, 2, 3, 7, 1000])
def test_pieces_of_any_length_give_the_same_events(n_bytes):
    """Comments and other fields are left out; both line ends are known."""
    reader, found = EventReader(), []
    for start in range(0, len(TEXT), n_bytes):
        found += reader.feed(TEXT[start : start + n_bytes])
    assert (found, reader.is_over) == (PARTS, True)


@pytest.mark.parametrize("n_bytes", [1, 2, 1000])
def test_a_mark_of_the_byte_order_hides_no_event(n_bytes):
    """A stream may begin with one."""
    reader, found, data = EventReader(), [], b"\xef\xbb\xbfdata: 1\n\ndata: 2\n\n"
    for start in range(0, len(data), n_bytes):
        found += reader.feed(data[start : start + n_bytes])
    assert found == [b"1", b"2"]


def test_nothing_after_the_end_is_read():
    """What a server sends after [DONE] is not part of the answer."""
    assert EventReader().feed(b"data: [DONE]\n\ndata: 1\n\n") == []


def test_a_last_event_without_an_end_counts():
    """Some servers leave out the last empty line."""
    reader = EventReader()
    assert reader.feed(b"data: 1\n\ndata: 2") == [b"1"]
    assert reader.end() == [b"2"]


def test_a_long_event_in_small_pieces_costs_no_more_than_its_length():
    """Ten megabytes without a line end are joined once."""
    reader = EventReader()
    assert reader.feed(b"data: ") == []
    for _ in range(10_000):
        reader.feed(b"x" * 1000)
    [payload] = reader.feed(b"\n\n")
    assert len(payload) == 10_000_000


@pytest.mark.parametrize("piece", [b"x", b"x\n"])
def test_an_event_without_an_end_is_refused(piece):
    """The bound holds for what waits, however it comes: with line ends and without; whole events start anew."""
    reader, half = EventReader(), piece * (MAX_EVENT_BYTES // 2 // len(piece))
    assert len(reader.feed(b"data: " + half[:1000] + b"\n\n")) == 1
    reader.feed(half)
    with pytest.raises(BadReply, match="without an end"):
        reader.feed(half + b"x")


def test_the_bound_of_an_event_is_64_mb():
    """What the error of a larger one says."""
    assert MAX_EVENT_BYTES == 64_000_000


def test_half_a_surrogate_pair_comes_through():
    """It is no text, but servers send it between two pieces."""
    event = to_json(b'{"content": "\\ud83d"}')
    assert sse(event) == b'data: {"content":"\\ud83d"}\n\n'


def test_an_event_is_one_line():
    """Line ends of the text are escaped."""
    assert json.loads(sse({"a": "x\ny"})[6:]) == {"a": "x\ny"}
    assert sse({"a": "x\ny"}).count(b"\n") == 2
