"""Values that move between modules. Units are part of the names; None means unknown, never 0."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import repeat
from typing import Literal, NamedTuple, overload

import numpy as np

Role = Literal["system", "user", "assistant", "tool"]
Preset = Literal["balanced", "quality", "fast", "cheap"]
PriceBasis = Literal["listed", "estimated"]
LatencyBasis = Literal["recorded", "published", "estimated"]
Action = Literal["answer", "ask_guard", "refuse"]
"""What a decision asks for: an answer, an answer after a guard model's word, or none."""


OUTPUT_RESERVE_TOKENS = 1024
"""Room kept in a context window for the answer, at least."""
UNKNOWN_WINDOW_TOKENS = 4096
"""A model whose context window is not stated is trusted with this many tokens."""


class Task(StrEnum):
    """What a prompt mainly asks of a model; the catalog's benchmark categories carry the same names."""

    CODE = "code"
    MATH = "math"
    REASONING = "reasoning"
    KNOWLEDGE = "knowledge"
    INSTRUCTION_FOLLOWING = "instruction_following"
    CREATIVE_WRITING = "creative_writing"
    SUMMARIZATION = "summarization"
    TRANSLATION = "translation"
    CHAT = "chat"
    AGENTIC = "agentic"
    VISION = "vision"


class Safety(StrEnum):
    """Safety class of a prompt, found by rules; `GENERAL` is everything without a finding."""

    GENERAL = "general"
    SENSITIVE = "sensitive"
    """Health, law, money, self-harm: answer with care."""
    HARMFUL = "harmful"
    """Asks for help with weapons, intrusion, abuse."""
    FORBIDDEN = "forbidden"
    """Sexual content with children, or help with weapons of mass harm: never passed on."""


class Reason(StrEnum):
    """Why a model was excluded from a decision."""

    ROLE = "role"
    CONTEXT_WINDOW = "context_window"
    MODALITY = "modality"
    TOOLS = "tools"
    STRUCTURED_OUTPUT = "structured_output"
    LICENCE = "licence"
    NOT_ALLOWED = "not_allowed"
    DENIED = "denied"
    OVER_MAX_COST = "over_max_cost"
    COST_UNKNOWN = "cost_unknown"
    SAFETY = "safety"
    NO_LIVE_PROVIDER = "no_live_provider"
    LOCAL_ONLY = "local_only"
    POLICY = "policy"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation; pictures and tool calls are counted, their content is not kept."""

    role: Role
    text: str
    n_images: int = 0
    n_tool_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What a person sent: the messages in order, the tools offered, and the output asked for."""

    messages: tuple[Message, ...]
    tool_names: tuple[str, ...] = ()
    wants_json: bool = False
    """True when the caller set a JSON response format; a wish written in the prompt is `Structure.asks_json`."""

    @classmethod
    def from_prompt(cls, prompt: str) -> "Conversation":
        return cls(messages=(Message(role="user", text=prompt),))

    @property
    def last_user_text(self) -> str:
        for message in reversed(self.messages):
            if message.role == "user":
                return message.text
        return ""

    @property
    def n_images(self) -> int:
        return sum([message.n_images for message in self.messages])


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Form of a prompt, independent of its language."""

    has_code: bool = False
    has_latex: bool = False
    has_table: bool = False
    asks_json: bool = False
    has_url: bool = False
    n_options: int = 0
    """Lines that look like answer options, `A. …`, `(B) …`."""
    n_numbers: int = 0
    n_chars: int = 0
    n_lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Personal data or a secret: its kind and place in the text of one message; never its content."""

    kind: str
    message_index: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptProfile:
    """What reading found in a conversation."""

    language: str
    """ISO 639-1 code, "und" when undetermined."""
    script: str
    """ISO 15924 code of the most frequent script, for example Latn."""
    tasks: Mapping[Task, float]
    """Share per task, sums to 1."""
    difficulty: float
    """0..1: expected share of mid-field models that fail."""
    input_tokens: int
    """Estimated, whole conversation."""
    n_images: int
    n_turns: int
    needs_tools: bool
    needs_json: bool
    structure: Structure
    privacy: tuple[Span, ...]
    safety: Safety
    features: np.ndarray = field(compare=False, repr=False)
    """(n_features,) float32: embedding then signals, see omni/reading/features.py."""

    @classmethod
    def typical(cls, *, input_tokens: int = 200, features: np.ndarray | None = None) -> "PromptProfile":
        """An English prompt of middle difficulty that asks for every text task in equal parts."""
        share = 1 / (len(Task) - 1)
        return cls(
            language="en",
            script="Latn",
            tasks={task: 0.0 if task is Task.VISION else share for task in Task},
            difficulty=0.5,
            input_tokens=input_tokens,
            n_images=0,
            n_turns=1,
            needs_tools=False,
            needs_json=False,
            structure=Structure(),
            privacy=(),
            safety=Safety.GENERAL,
            features=np.zeros(0, dtype=np.float32) if features is None else features,
        )

    @property
    def main_task(self) -> Task:
        return max(zip(self.tasks.values(), self.tasks, strict=True))[1]

    @property
    def privacy_kinds(self) -> tuple[str, ...]:
        return tuple(sorted({span.kind for span in self.privacy}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one provider asks for one model."""

    provider: str
    in_usd_per_mtok: float
    out_usd_per_mtok: float
    context_tokens: int | None
    as_of: date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast one model was seen to answer; None = not published."""

    provider: str
    """A provider's name, or "median" over providers."""
    output_tokens_per_s: float | None
    time_to_first_token_s: float | None
    as_of: date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkScore:
    """One model on one benchmark, run one way."""

    benchmark: str
    category: str
    """A Task value, or another of the catalog's categories such as multilingual:de, overall, safety."""
    score: float
    unit: str
    higher_is_better: bool
    variant: str
    """How the model was run (reasoning effort …), empty when not said."""
    as_of: date | None
    source: str
    inherited_from: str | None
    """The model id whose score this is, for a quantised copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One open-weight model and what is publicly known of it."""

    model_id: str
    """Hugging Face repository id."""
    owner: str
    family: str | None
    display_name: str
    license: str | None
    release_date: date | None
    params_total_b: float | None
    params_active_b: float | None
    context_tokens: int | None
    max_output_tokens: int | None
    input_modalities: frozenset[str]
    """Subset of text, image, audio, video, pdf; empty when unknown."""
    supports_tools: bool | None
    supports_reasoning: bool | None
    structured_output: bool | None
    role: str
    """chat, code, vision, translate or guard; guard models are listed and never chosen."""
    variant_of: str | None
    in_huggingchat: bool
    price_in_usd_per_mtok: float | None
    """Reference price: the median over `prices`, or estimated from the size (see `price_basis`)."""
    price_out_usd_per_mtok: float | None
    price_basis: PriceBasis | None
    prices: tuple[Price, ...]
    scores: tuple[BenchmarkScore, ...]
    speeds: tuple[Speed, ...]
    output_tokens_per_s: float | None
    """Newest median over providers; None when nobody published one."""
    time_to_first_token_s: float | None
    inherited: frozenset[str]
    """Names of the fields taken over from `variant_of`."""
    sources: Mapping[str, str]
    """Field name to where the figure is from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a person trades against quality. Quality is a probability, 0..1."""

    quality_per_usd: float
    """λ: quality given up for one US dollar less on this prompt."""
    quality_per_s: float
    """μ: quality given up for one second less until the whole answer is there."""
    z: float
    """Standard errors of evidence asked before leaving the reference model."""
    z_dearer: float
    """The same for an alternative that costs more than the reference."""
    quality_per_failure: float = 0.25
    """ρ: quality given up to avoid one certain failure to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The person's side of a decision."""

    preset: Preset = "balanced"
    weights: Weights | None = None
    """None = the preset's own."""
    max_cost_usd: float | None = None
    """Ceiling for the expected cost of this one answer."""
    allow: tuple[str, ...] = ()
    """Globs over model ids; empty = all."""
    deny: tuple[str, ...] = ()
    licences_denied: tuple[str, ...] = ()
    local_only: bool = False
    """True = nothing leaves this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRule:
    """A rule of the operator's policy that had a say in a decision."""

    name: str
    sentence: str
    """What it did, for the person."""


class Candidate(NamedTuple):
    """One model that may answer, with its score taken apart; a tuple, because pages ask for many at once."""

    model_id: str
    rank: int
    """1 = chosen."""
    parts: Mapping[str, float]
    """quality, cost, latency, evidence, and where they matter hard_prompt, availability, switch, policy, place: they
    sum to `utility`."""
    quality_se: float
    quality_parts: Mapping[str, float]
    """In units of the score; they sum to `quality`."""
    cost_usd: float | None
    cost_basis: PriceBasis | None
    latency_s: float | None
    latency_basis: LatencyBasis | None
    input_tokens: int
    output_tokens: float
    """Expected."""

    @property
    def utility(self) -> float:
        return sum(self.parts.values())

    @property
    def quality(self) -> float:
        """Expected quality 0..1."""
        return self.parts["quality"]

    @property
    def quality_logit(self) -> float:
        """The same in logits, 0.1 % to 99.9 %: what votes are held against."""
        share = min(max(self.quality, 0.001), 0.999)
        return math.log(share / (1 - share))


LATENCY_BASES: tuple[LatencyBasis, ...] = ("estimated", "published", "recorded")
_PRICE_BASES: tuple[PriceBasis, ...] = ("estimated", "listed")


class Candidates(Sequence[Candidate]):
    """The scored models by rank; each is made when asked for, so that a decision over hundreds is cheap."""

    __slots__ = ("_scores",)

    def __init__(self, scores: "ScoreTable") -> None:
        self._scores = scores

    def __len__(self) -> int:
        return len(self._scores.model_ids)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, index: int | slice) -> Candidate | tuple[Candidate, ...]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return self._scores.select(start, max(start, stop))
            return tuple(self._scores.candidate(row) for row in range(start, stop, step))
        return self._scores.candidate(range(len(self))[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Candidates) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTable:
    """The figures of all candidates, in columns by rank. NaN = unknown."""

    model_ids: tuple[str, ...]
    part_names: tuple[str, ...]
    quality_names: tuple[str, ...]
    figures: np.ndarray
    """(n_names + 4, n) float64: the parts of the utility by `part_names`, those of the quality by `quality_names`, then
    the rows of `quality_se`, `cost_usd`, `latency_s` and `output_tokens`."""
    cost_listed: np.ndarray
    """(n,) bool: the price is listed, not estimated."""
    latency_basis: np.ndarray
    """(n,) index into `LATENCY_BASES`."""
    input_tokens: int

    @property
    def parts(self) -> dict[str, np.ndarray]:
        """Name to (n,) values; their sum is the utility."""
        return dict(zip(self.part_names, self.figures, strict=False))

    @property
    def quality_se(self) -> np.ndarray:
        return self.figures[-4]

    @property
    def cost_usd(self) -> np.ndarray:
        return self.figures[-3]

    @property
    def latency_s(self) -> np.ndarray:
        return self.figures[-2]

    def candidate(self, row: int) -> Candidate:
        """The candidate of rank `row` + 1."""
        return self.select(row, row + 1)[0]

    def select(self, start: int, stop: int) -> tuple[Candidate, ...]:
        """The candidates of ranks `start` + 1 to `stop`, read in one go: a dozen costs little more than one."""
        n_parts, figures = len(self.part_names), self.figures[:, start:stop]
        quality_se, cost, latency, output_tokens = figures[-4:].tolist()
        listed, bases = self.cost_listed[start:stop].tolist(), self.latency_basis[start:stop].tolist()
        # in the order of the fields; NaN is unlike itself
        columns = (
            self.model_ids[start:stop],
            range(start + 1, stop + 1),
            map(dict, map(zip, repeat(self.part_names), figures[:n_parts].T.tolist())),
            quality_se,
            map(dict, map(zip, repeat(self.quality_names), figures[n_parts:-4].T.tolist())),
            [None if usd != usd else usd for usd in cost],
            [None if usd != usd else _PRICE_BASES[is_listed] for usd, is_listed in zip(cost, listed, strict=True)],
            [None if s != s else s for s in latency],
            [None if s != s else LATENCY_BASES[basis] for s, basis in zip(latency, bases, strict=True)],
            repeat(self.input_tokens),
            output_tokens,
        )
        return tuple(map(Candidate._make, zip(*columns, strict=False)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A model that may not answer, and the first reason why."""

    model_id: str
    reason: Reason
    detail: str
    """The two numbers or names that were compared, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterName:
    """Which router decides, for people and records."""

    source: Literal["public", "fitted"]
    """What its quality rests on: public benchmarks, or recorded outcomes of its models."""
    title: str
    """For example "Public benchmarks", or "Fitted on korbench, 840 prompts"."""
    file_name: str | None
    """Of a router file; None = none."""
    fingerprint: str
    """Of the parameters that foretell quality."""
    as_of: date | None
    """When it was fitted; None = not said."""

    @property
    def label(self) -> str:
        """All of it in one line, as records hold it."""
        parts = (self.file_name or self.title, self.fingerprint, self.as_of and self.as_of.isoformat())
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which model answers, and everything needed to explain and repeat the choice."""

    decision_id: str
    """A hash of input, catalog, parameters and preferences: the same call gives the same id."""
    catalog_version: str
    parameters_version: str
    router: RouterName
    profile: PromptProfile
    preferences: Preferences
    weights: Weights
    """The weights used."""
    reference_model_id: str
    """The model that the evidence rule protects."""
    scores: ScoreTable = field(repr=False)
    excluded: tuple[Exclusion, ...]
    action: Action = "answer"
    message: str | None = None
    """What the person reads instead of an answer: when refused, or when the guard model objects."""
    rules: tuple[AppliedRule, ...] = ()
    """Of the operator's policy, in its order."""
    local_only: bool = False
    """Nothing may leave this machine: the person wants it so, or the operator's policy."""
    sticky_model_id: str | None = None
    """The model that the conversation was with and that could have gone on; None = a new start."""

    @property
    def candidates(self) -> Candidates:
        """By rank; the first is the chosen one."""
        return Candidates(self.scores)

    @property
    def chosen(self) -> Candidate:
        return self.scores.candidate(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A change of one input that would make another model win."""

    what: str
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision in plain words, made from the decision's own numbers."""

    headline: str
    reasons: tuple[str, ...]
    runner_up: str | None
    """One sentence, None with a single candidate."""
    flips: tuple[Flip, ...]
    exclusions: tuple[str, ...]
    """One sentence a reason code, with its count."""
    sources: tuple[str, ...]
    """Sources and dates of the facts used for the chosen model."""

    def to_text(self) -> str:
        """The explanation as a few lines of plain text."""
        lines = [self.headline, *self.reasons]
        if self.runner_up:
            lines.append(self.runner_up)
        lines += [f"{flip.model_id} would win {flip.what}." for flip in self.flips]
        return "\n".join([*lines, *self.exclusions])
