"""Log records and error texts show no private value."""

import io
import logging
from collections.abc import Iterator

import pytest

from omni.privacy import install_log_redaction, redact, without_echo
from omni.privacy.redact import remove_log_redaction

SECRET = "hf_" + "aB3" * 11
EMAIL = "jo@example.org"
LOGGER = logging.Logger("elsewhere")
"""A logger of another library; beside the tree, where pytest listens."""


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What a handler of another library would write, while redaction is on."""
    install_log_redaction()
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    LOGGER.addHandler(handler)
    yield written
    LOGGER.removeHandler(handler)
    remove_log_redaction()


def test_each_kind_is_named_in_its_place():
    """The sentence stays readable."""
    assert redact(f"no account for {EMAIL} with {SECRET}.") == "no account for [email] with [secret]."


def test_message_and_arguments_are_masked(stream):
    """A value in the text, in an argument, or in an object's own text form is not shown."""
    LOGGER.warning("user %s asked %d times", EMAIL, 3)
    LOGGER.warning(f"token {SECRET}")
    LOGGER.warning("body %s", {"to": EMAIL})
    LOGGER.warning("%(who)s", {"who": EMAIL})
    LOGGER.warning("password=%s", "kx93-vault-7")
    shown = stream.getvalue()
    assert "user [email] asked 3 times" in shown
    assert not any(value in shown for value in (EMAIL, SECRET, "kx93"))


def test_an_exception_is_masked(stream):
    """The text of an exception and its traceback hold prompts now and then."""
    try:
        raise ValueError(f"cannot parse {EMAIL}")
    except ValueError:
        LOGGER.exception("failed")
    assert "ValueError: cannot parse [email]" in stream.getvalue()


def test_arguments_that_do_not_fit_are_masked_before_logging_prints_them(stream, capsys):
    """The library prints message and arguments when they do not fit; not the value."""
    LOGGER.warning("one %s two %s", EMAIL)
    assert EMAIL not in stream.getvalue() + capsys.readouterr().err


def test_ordinary_records_are_not_touched(stream):
    """Arguments keep their type where nothing is found; installing twice changes nothing."""
    install_log_redaction()
    record = logging.getLogRecordFactory()("a", logging.INFO, "f", 1, "%s %d", ("GET", 200), None)
    assert record.args == ("GET", 200)
    assert stream.getvalue() == ""


def test_what_a_server_repeats_of_a_request_is_cut_off():
    """The reason stays; the prompt in it, and what is private elsewhere, do not."""
    asked = {"messages": [{"role": "user", "content": "Kindly greet Xaver Quost"}]}
    assert (
        without_echo(f"no credit for {EMAIL}; got: kindly greet xaver quost", asked) == "no credit for [email]; got: …"
    )
    assert without_echo("max_tokens is too large: 9000", asked) == "max_tokens is too large: 9000"
