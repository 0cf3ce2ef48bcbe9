"""A conversation to its PromptProfile: what is asked, in which language, how hard, with what in it."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from omni.reading.cues import CueFinder, load_cues
from omni.reading.features import FeatureMaker, TextReading, load_feature_maker
from omni.reading.heads import TASKS, Heads, load_heads
from omni.reading.language import UNDETERMINED, LanguageReader, load_language_reader
from omni.reading.privacy import find_private
from omni.reading.safety import SafetyRules, load_safety
from omni.reading.scripts import find_script
from omni.reading.side_by_side import MAX_TEXTS
from omni.reading.tokens import estimate_tokens
from omni.types import Conversation, PromptProfile, Safety, Task

CUE_FILE = "router/cues.yml"
HEAD_FILE = "router/heads.safetensors"
SAFETY_FILE = "router/safety.yml"

_TOKENS_PER_MESSAGE = 4
"""Role and separators of one message, as chat templates add them."""
_TOKENS_PER_IMAGE = 800
"""A mid-size picture; models cut pictures into about 250 to 1,600 patches."""
_TOKENS_PER_TOOL = 120
_VISION_SHARE = 0.8
_AGENTIC_SHARE = 0.35
_SHORT_CHARS = 40
_CONTEXT_CHARS = 400
_LETTER = re.compile("[a-z]")


class Reader:
    """Reads conversations; immutable after loading, so threads may share it."""

    def __init__(
        self, features: FeatureMaker, cues: CueFinder, heads: Heads, languages: LanguageReader, safety: SafetyRules
    ) -> None:
        self.features = features
        self.cues = cues
        self.heads = heads
        self._languages = languages
        self._safety = safety

    @property
    def fingerprint(self) -> str:
        """Of the parameters that decide what a profile says."""
        return f"{self.features.fingerprint}-{self.heads.fingerprint}"

    @property
    def feature_fingerprint(self) -> str:
        """Of the feature rows alone: rows with the same one may be compared."""
        return self.features.fingerprint

    @property
    def trained_on(self) -> str:
        """Labels and recordings that the heads were fitted on, in words."""
        return self.heads.trained_on

    def read(self, conversation: Conversation) -> PromptProfile:
        """The profile of one conversation."""
        reading = self.features.read_text(_profile_text(conversation))
        cues = self.cues.vector(reading.words, reading.canonical.flat)
        return self._profile(
            conversation,
            reading,
            self.heads.task_shares(reading, cues),
            self._languages.find(reading.canonical.text),
            self._safety.classify(reading.canonical.flat, reading.tokens),
        )

    def read_batch(self, conversations: Sequence[Conversation]) -> list[PromptProfile]:
        """The profiles of many conversations, each the same as `read` gives."""
        profiles: list[PromptProfile] = []
        for start in range(0, len(conversations), MAX_TEXTS):
            profiles += self._read_side_by_side(conversations[start : start + MAX_TEXTS])
        return profiles

    def _read_side_by_side(self, conversations: Sequence[Conversation]) -> Iterable[PromptProfile]:
        readings = self.features.read_texts(list(map(_profile_text, conversations)))
        cues = self.cues.vectors([(reading.words, reading.canonical.flat) for reading in readings.texts])
        shares = self.heads.task_shares_of(readings, cues)
        safety = [self._safety.classify(reading.canonical.flat, reading.tokens) for reading in readings.texts]
        languages = self._languages.find_many([reading.canonical.text for reading in readings.texts])
        return map(self._profile, conversations, readings.texts, shares, languages, safety)

    def read_text(self, text: str) -> TextReading:
        """The feature row of a text and what was found on the way."""
        return self.features.read_text(text)

    def _profile(
        self, conversation: Conversation, reading: TextReading, shares: np.ndarray, language: str, safety: Safety
    ) -> PromptProfile:
        shares = _with_attachments(shares, conversation)
        return PromptProfile(
            language=language,
            script=_script_of(reading),
            tasks=dict(zip(TASKS, shares.tolist(), strict=True)),
            difficulty=self.heads.difficulty_of(reading.row, shares),
            input_tokens=_count_tokens(conversation),
            n_images=conversation.n_images,
            n_turns=[message.role for message in conversation.messages].count("user"),
            needs_tools=bool(conversation.tool_names),
            needs_json=conversation.wants_json,
            structure=reading.structure,
            privacy=tuple(
                span
                for index, message in enumerate(conversation.messages)
                for span in find_private(message.text, index, language)
            ),
            safety=safety,
            features=reading.row,
        )


def load_reader(folder: Path) -> Reader:
    """The shipped encoder, cue list, heads and rules below a data folder.

    Raises:
        OmniError: A file is missing or does not fit the others.
    """
    languages = load_language_reader()
    features = load_feature_maker(folder)
    return Reader(
        features,
        load_cues(folder / CUE_FILE, features.encoder),
        load_heads(folder / HEAD_FILE),
        languages,
        load_safety(folder / SAFETY_FILE),
    )


def _profile_text(conversation: Conversation) -> str:
    """The last thing a person said; "and in French?" is read together with what came before."""
    text = conversation.last_user_text
    if len(text) >= _SHORT_CHARS or len(conversation.messages) < 2:
        return text
    earlier = [message.text for message in conversation.messages if message.role == "user"][-2:-1]
    return f"{text}\n{earlier[0][:_CONTEXT_CHARS]}" if earlier else text


def _script_of(reading: TextReading) -> str:
    flat = reading.canonical.flat
    if flat.isascii():  # and in lower case
        return "Latn" if _LETTER.search(flat) else "Zyyy"
    return find_script(reading.codes)


def _with_attachments(shares: np.ndarray, conversation: Conversation) -> np.ndarray:
    """Shares after what the conversation carries: pictures make it vision, offered tools make it more agentic."""
    if any(message.n_images for message in conversation.messages[-2:]):
        task, floor = Task.VISION, _VISION_SHARE
    elif conversation.tool_names:
        task, floor = Task.AGENTIC, _AGENTIC_SHARE
    else:
        return shares
    position = TASKS.index(task)
    if shares[position] < floor:
        shares = shares * ((1.0 - floor) / max(1.0 - shares[position], 1e-12))
        shares[position] = floor
    return shares


def _count_tokens(conversation: Conversation) -> int:
    return (
        sum(estimate_tokens(message.text) + _TOKENS_PER_MESSAGE for message in conversation.messages)
        + _TOKENS_PER_IMAGE * conversation.n_images
        + _TOKENS_PER_TOOL * len(conversation.tool_names)
    )


__all__ = ["CUE_FILE", "HEAD_FILE", "SAFETY_FILE", "UNDETERMINED", "Reader", "load_reader"]
