"""Between the chat window's messages and a conversation."""

from pathlib import Path

import pytest

from omni.errors import InputError
from omni.ui.history import cut_at_prompt, page_message, to_question, user_messages


def _said(role: str, words: str) -> dict[str, object]:
    return {"role": role, "content": [{"type": "text", "text": words}], "metadata": None, "options": None}


def test_messages_of_the_page_do_not_go_to_a_model() -> None:
    """Receipts, notices and thoughts stay on the page; both forms of content are read."""
    history = [
        {"role": "user", "content": "Hi"},
        page_message("thought", "hm", title="Thinking"),
        _said("assistant", "Hello"),
        page_message("receipt", "<div></div>"),
        _said("user", "More"),
    ]
    said = [(message.role, message.text) for message in to_question(history).conversation.messages]
    assert said == [("user", "Hi"), ("assistant", "Hello"), ("user", "More")]


def test_a_prompt_without_an_answer_is_left_out() -> None:
    """A prompt that only got a notice is not repeated with the next one."""
    history = [_said("user", "One"), page_message("notice", "no server"), _said("user", "Two")]
    assert [message.text for message in to_question(history).conversation.messages] == ["Two"]


def test_a_picture_and_its_prompt_are_one_message(tmp_path: Path) -> None:
    """The picture becomes a data URL of the message it was sent with."""
    picture = tmp_path / "dot.png"
    picture.write_bytes(b"\x89PNG")
    question = to_question(user_messages("What is it?", [str(picture)]))
    (message,) = question.conversation.messages
    assert (message.text, message.n_images) == ("What is it?", 1)
    assert question.images[0][0].startswith("data:image/png;base64,")


def test_other_files_are_refused(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(InputError, match=r"notes\.txt"):
        to_question(user_messages("Read", [str(tmp_path / "notes.txt")]))


def test_retry_goes_back_to_the_prompt() -> None:
    """From any message of an answer, what is left ends with its prompt."""
    history = [_said("user", "One"), _said("assistant", "A"), _said("user", "Two"), _said("assistant", "B")]
    assert cut_at_prompt(history, 1) == history[:1]
    assert cut_at_prompt(history, 3) == history[:3]
