"""Answers in OpenAI's form get their values back."""

from omni.privacy import ChunkRestorer, Restorer

VALUES = {"EMAIL_1": "jo@example.org"}


def chunk(delta: dict, index: int = 0, finish_reason: str | None = None) -> dict:
    """One chunk of a stream."""
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}


def deltas(*chunks: dict) -> list[dict]:
    """What the restorer makes of the chunks."""
    restorer = ChunkRestorer(Restorer(VALUES))
    return [restorer.restore(one)["choices"][0]["delta"] for one in chunks]


def test_content_and_thinking_are_texts_of_their_own():
    """A placeholder cut in the answer is not mended with the thinking's words."""
    shown = deltas(
        chunk({"reasoning_content": "to [EMAIL"}),
        chunk({"content": "Write to [EMA"}),
        chunk({"reasoning_content": "_1]"}),
        chunk({"content": "IL_1]"}),
    )
    assert [one.get("reasoning_content") for one in shown] == ["to ", None, "jo@example.org", None]
    assert [one.get("content") for one in shown] == [None, "Write to ", None, "jo@example.org"]


def test_what_was_held_back_goes_out_with_the_end():
    """An answer that ends in a bare placeholder is whole."""
    assert deltas(chunk({"content": "EMAIL_1"}), chunk({}, finish_reason="stop")) == [
        {"content": ""},
        {"content": "jo@example.org"},
    ]


def test_arguments_of_tool_calls_are_restored():
    """Each call is a text of its own; its head stays."""
    head = {"index": 0, "id": "c", "function": {"name": "send", "arguments": '{"to": "[EMAIL'}}
    shown = deltas(
        chunk({"tool_calls": [head]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '_1]"}'}}]}),
        chunk({}, finish_reason="tool_calls"),
    )
    arguments = [call["function"]["arguments"] for one in shown for call in one.get("tool_calls", ())]
    assert "".join(arguments) == '{"to": "jo@example.org"}'
    assert shown[0]["tool_calls"][0]["function"]["name"] == "send"


def test_arguments_of_the_older_form_are_restored():
    """One call an answer, beside the list of tool calls that took its place."""
    shown = deltas(
        chunk({"function_call": {"name": "send", "arguments": "[EMAIL"}}),
        chunk({"function_call": {"arguments": "_1] EMAIL_1"}}),
        chunk({}, finish_reason="function_call"),
    )
    assert "".join(one["function_call"]["arguments"] for one in shown) == "jo@example.org jo@example.org"
    assert shown[0]["function_call"]["name"] == "send"


def test_choices_do_not_mix():
    """Two answers at once are two texts."""
    restorer = ChunkRestorer(Restorer(VALUES))
    restorer.restore(chunk({"content": "[EMAIL"}, 0))
    shown = restorer.restore(chunk({"content": "_1]"}, 1))
    assert shown["choices"][0]["delta"]["content"] == "_1]"
