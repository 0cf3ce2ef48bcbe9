"""Planted values are found nowhere they must not be; `python -m tests.omni.privacy.leaks` sends a thousand chats."""

from tests.omni.privacy.leaks import run_anonymised, run_default


def test_nothing_is_left_behind_in_the_default_mode(router, tmp_path):
    """No file, table, log record, printed line, metric or error body holds a planted value."""
    report = run_default(router, 60, tmp_path)
    assert report.leaks == []
    assert report.n_failed == 20


def test_nothing_private_goes_out_when_anonymised(router):
    """The upstream sees placeholders, the client its own words, streamed or not."""
    report = run_anonymised(router, 60)
    assert report.leaks == []
    assert (report.n_failed, report.n_not_restored) == (0, 0)
