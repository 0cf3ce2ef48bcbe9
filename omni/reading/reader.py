"""A conversation to its PromptProfile: what is asked, in which language, how hard, with what in it."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from omni.reading.cues import CueFinder, load_cues
from omni.reading.features import FeatureMaker, TextReading, load_feature_maker
from omni.reading.heads import TASKS, Heads, load_heads
from omni.reading.language import UNDETERMINED, LanguageReader, load_language_reader
from omni.reading.privacy import find_private
from omni.reading.safety import SafetyRules, load_safety
from omni.reading.scripts import find_script
from omni.reading.tokens import estimate_tokens
from omni.types import Conversation, PromptProfile, Task

CUE_FILE = "router/cues.yml"
HEAD_FILE = "router/heads.safetensors"
SAFETY_FILE = "router/safety.yml"

_TOKENS_PER_MESSAGE = 4
"""Role and separators of one message, as chat templates add them."""
_TOKENS_PER_IMAGE = 800
"""A mid-size picture; models cut pictures into about 250 to 1,600 patches."""
_TOKENS_PER_TOOL = 120
_VISION_SHARE = 0.8
_AGENTIC_SHARE = 0.6
_SHORT_CHARS = 200
"""A shorter message is read together with what the user said before."""
_CONTEXT_CHARS = 400
_LETTER = re.compile("[a-z]")


# raised when code changes what a profile says without changing a file
_FORM = "1"


class Reader:
    """Reads conversations; immutable after loading, so threads may share it."""

    def __init__(
        self,
        features: FeatureMaker,
        cues: CueFinder,
        heads: Heads,
        languages: LanguageReader,
        safety: SafetyRules,
        *,
        fingerprint: str,
    ) -> None:
        self.fingerprint = fingerprint
        """Of the parameters and the form of the code that decide what a profile says."""
        self.features = features
        self.cues = cues
        self.heads = heads
        self._languages = languages
        self._safety = safety

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
        return self.read_batch([conversation])[0]

    def read_batch(self, conversations: Sequence[Conversation]) -> list[PromptProfile]:
        """The profiles of conversations, in their order; none depends on the others."""
        return list(map(self._profile, conversations))

    def read_text(self, text: str) -> TextReading:
        """The feature row of a text and what was found on the way."""
        return self.features.read_text(text)

    def _profile(self, conversation: Conversation) -> PromptProfile:
        reading = self.features.read_text(profile_text(conversation))
        canonical = reading.canonical
        language = self._languages.find(canonical.text)
        shares = self.heads.task_shares(reading, self.cues.vector(reading.words, canonical.flat))
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
            safety=self._safety.classify(canonical.flat, reading.tokens),
            features=reading.row,
        )


def load_reader(folder: Path) -> Reader:
    """The shipped encoder, cue list, heads and rules below a data folder.

    Raises:
        OmniError: A file is missing or does not fit the others.
    """
    languages = load_language_reader()
    features = load_feature_maker(folder)
    cues = load_cues(folder / CUE_FILE, features.encoder)
    heads, safety = load_heads(folder / HEAD_FILE), load_safety(folder / SAFETY_FILE)
    digest = hashlib.sha256(_FORM.encode())
    for name in (CUE_FILE, HEAD_FILE, SAFETY_FILE):
        digest.update((folder / name).read_bytes())
    fingerprint = f"{features.fingerprint}-{digest.hexdigest()[:16]}"
    return Reader(features, cues, heads, languages, safety, fingerprint=fingerprint)


def profile_text(conversation: Conversation) -> str:
    """What the user said last; a short message ("and in French?") with the end of what the user said before."""
    text = conversation.last_user_text
    if len(text) >= _SHORT_CHARS or len(conversation.messages) < 2:
        return text
    earlier = "\n".join([message.text for message in conversation.messages if message.role == "user"][:-1])
    return f"{text}\n{earlier[-_CONTEXT_CHARS:]}" if earlier else text


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


__all__ = ["CUE_FILE", "HEAD_FILE", "SAFETY_FILE", "UNDETERMINED", "Reader", "load_reader", "profile_text"]
