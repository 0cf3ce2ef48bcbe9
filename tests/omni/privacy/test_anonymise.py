"""Private values are exchanged for placeholders, the same one everywhere."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from omni.privacy import Anonymiser
from omni.types import Conversation, Message, Span

CARD = "4111 1111 1111 1111"


def conversation_of(*texts: str) -> Conversation:
    """A conversation of a person's messages."""
    return Conversation(messages=tuple(Message(role="user", text=text) for text in texts))


def masked_texts(*texts: str) -> list[str]:
    """What a model would read."""
    return [message.text for message in Anonymiser().mask(conversation_of(*texts), "en").conversation.messages]


def test_a_value_has_one_placeholder_in_every_message():
    """The same address is the same placeholder, another one is another, capitals aside."""
    texts = masked_texts("Mail jo@example.org and al@example.org", "Is JO@example.org right, or al@example.org?")
    assert texts == ["Mail [EMAIL_1] and [EMAIL_2]", "Is [EMAIL_1] right, or [EMAIL_2]?"]


def test_placeholders_that_the_person_wrote_stay():
    """A prompt about placeholders comes back as it was."""
    conversation = conversation_of("Replace [EMAIL_1] and PHONE_1 by jo@example.org")
    masked = Anonymiser().mask(conversation)
    sent = masked.conversation.messages[0].text
    assert sent == "Replace [EMAIL_1] and PHONE_1 by [EMAIL_2]"
    assert masked.restorer.restore(sent) == conversation.messages[0].text


def find_oberholzer(text: str, message_index: int, _: str) -> list[Span]:
    """Knows one name."""
    start = text.find("Xenia Oberholzer")
    return [] if start < 0 else [Span(kind="person", message_index=message_index, start=start, end=start + 16)]


def test_parts_of_a_name_are_masked_too():
    """Whoever was named in full is not given away by the first name."""
    conversation = conversation_of("I am Xenia Oberholzer. Sign as Xenia, please.", "And greet Xenia's sister.")
    masked = Anonymiser(find_oberholzer).mask(conversation)
    texts = [message.text for message in masked.conversation.messages]
    assert texts == [
        "I am [PERSON_1]. Sign as [PERSON_2], please.",
        "And greet [PERSON_2]'s sister.",
    ]


def test_counts_are_of_distinct_values():
    """What is told to the person has kinds and numbers only."""
    masked = Anonymiser().mask(conversation_of(f"jo@example.org, al@example.org, jo@example.org, {CARD}"))
    assert masked.counts == {"email": 2, "card": 1}
    assert "jo@" not in repr(dataclasses.replace(masked, conversation=Conversation(messages=())))


def test_a_request_is_masked_in_every_text():
    """Parts, tool calls and the name of the user are texts; pictures and names of fields are not."""
    body = {
        "model": "m",
        "user": "jo@example.org",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "I am jo@example.org"},
                    {"type": "image_url", "image_url": {"url": "https://example.org/jo@example.org.png"}},
                ],
            },
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"arguments": '{"to": "jo@example.org"}'}}]},
        ],
    }
    sent = Anonymiser().mask_body(body).body
    assert sent["user"] == "[EMAIL_1]"
    assert sent["messages"][0]["content"][0]["text"] == "I am [EMAIL_1]"
    assert sent["messages"][0]["content"][1] == body["messages"][0]["content"][1]
    assert sent["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"to": "[EMAIL_1]"}'


def test_where_to_stop_is_masked_like_the_answer():
    """The model writes placeholders, so the values themselves would neither stop it nor stay here."""
    body = {"messages": [{"role": "user", "content": "I am jo@example.org"}], "stop": ["jo@example.org", "END"]}
    assert Anonymiser().mask_body(body).body["stop"] == ["[EMAIL_1]", "END"]


@given(
    st.lists(
        st.sampled_from(
            ["jo@example.org", "JO@EXAMPLE.ORG", CARD, "[EMAIL_1]", "EMAIL_2", "192.0.2.44", " and ", "\n", "x", "，"]
        ),
        max_size=12,
    )
)
def test_restoring_undoes_masking(fragments):
    """Whatever was masked comes back, in the form first written."""
    conversation = conversation_of(" ".join(fragments))
    masked = Anonymiser().mask(conversation)
    restored = masked.restorer.restore(masked.conversation.messages[0].text)
    assert restored.casefold() == conversation.messages[0].text.casefold()


def test_many_values_take_no_longer_than_their_number():
    """A list of a thousand addresses is masked where they stand."""
    text = "\n".join(f"user{number}@example.org" for number in range(1000))
    masked = Anonymiser().mask(conversation_of(text))
    assert "@" not in masked.conversation.messages[0].text
    assert masked.restorer.restore(masked.conversation.messages[0].text) == text
