"""One slot of memory by identity."""

from omni.memory import remember_last


def test_the_same_object_is_worked_out_once():
    """An equal object is another one: only identity is free to check."""
    calls = []
    total = remember_last(lambda values: calls.append(values) or sum(values))
    first, equal = [1, 2], [1, 2]
    assert [total(first), total(first), total(equal), total(first)] == [3, 3, 3, 3]
    assert len(calls) == 3
