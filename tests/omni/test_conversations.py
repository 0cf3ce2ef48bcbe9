"""OpenAI-style requests become conversations."""

import json

import pytest

from omni.conversations import parse_messages
from omni.errors import InputError


def test_a_list_of_messages_is_a_conversation():
    """Roles and texts are kept in order."""
    raw = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    conversation = parse_messages(json.dumps(raw), where="m.json")
    assert [(m.role, m.text) for m in conversation.messages] == [("system", "Be brief."), ("user", "Hello")]


def test_a_whole_request_brings_tools_images_and_format():
    """Parts with images are counted, tools are named, a JSON format is noticed."""
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    raw = {
        "messages": [{"role": "user", "content": content}],
        "tools": [{"type": "function", "function": {"name": "lookup"}}],
        "response_format": {"type": "json_object"},
    }
    conversation = parse_messages(json.dumps(raw), where="m.json")
    assert (conversation.n_images, conversation.tool_names, conversation.wants_json) == (1, ("lookup",), True)


@pytest.mark.parametrize("text", ["{", "[1]", '{"messages": "hi"}', '[{"role": "boss", "content": "x"}]', "3"])
def test_other_forms_name_the_file_and_the_form(text):
    """The message says which file and what was expected."""
    with pytest.raises(InputError, match=r"m\.json.*expected"):
        parse_messages(text, where="m.json")


def test_of_several_mistakes_the_first_is_named_with_its_place():
    """The file, the message by its number and the field."""
    raw = [{"role": "user", "content": "Hi"}, {"role": "boss", "content": "x"}, {"role": "nobody", "content": "y"}]
    with pytest.raises(InputError, match=r"m\.json: messages\.1\.role: "):
        parse_messages(json.dumps(raw), where="m.json")
