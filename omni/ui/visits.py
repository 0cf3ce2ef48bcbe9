"""What the page remembers of one visitor's conversation, as figures; it ends with the page."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from omni.figures import DASH, format_usd
from omni.gateway import Answer, AnswerStatus
from omni.sessions import Session, Verdict, after_answer, after_verdict
from omni.types import Conversation, Task

MAX_GIVEN = 200
"""Answers that can still be judged."""
BEGUN = frozenset({AnswerStatus.DONE, AnswerStatus.INTERRUPTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One answer that the visitor may judge."""

    answer_id: int
    """Counts up within the visit."""
    decision_id: str
    model_id: str
    tasks: Mapping[Task, float]
    n_chars: int
    """Length of its text, for the length covariate of votes."""
    quality_logit: float | None = None
    """What the decision expected of it; None = not among the candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Kept in the visitor's session only; replaced, never edited. No text."""

    session: Session = field(default_factory=Session)
    given: tuple[Given, ...] = ()
    n_answers: int = 0
    n_unpriced: int = 0
    """Answers whose cost is not known."""
    spent_usd: float = 0.0
    judged: Mapping[int, bool] = field(default_factory=dict)
    """Answer to the visitor's thumb; True = up."""

    def find(self, answer_id: int) -> Given | None:
        """An answer of this visit, None for one of an earlier visit."""
        return next((given for given in self.given if given.answer_id == answer_id), None)

    @property
    def next_id(self) -> int:
        """The id of the answer that comes next."""
        return self.given[-1].answer_id + 1 if self.given else 1

    def with_answer(
        self, answer: Answer, conversation: Conversation, given: Given | None, cost_usd: float | None
    ) -> "Visit":
        """The visit after an answer, or after no model could answer."""
        usage, target = answer.usage, answer.target
        is_begun = target is not None and answer.status in BEGUN
        session = after_answer(
            self.session,
            conversation,
            model_id=target.model_id if target is not None and is_begun else None,
            input_tokens=usage.input_tokens if usage else 0,
            output_tokens=usage.output_tokens if usage else 0,
        )
        if not is_begun:
            return replace(self, session=session)
        return replace(
            self,
            session=session,
            given=(*self.given, given)[-MAX_GIVEN:] if given is not None else self.given,
            n_answers=self.n_answers + 1,
            n_unpriced=self.n_unpriced + (cost_usd is None),
            spent_usd=self.spent_usd + (cost_usd or 0.0),
        )

    def with_stop(self, given: Given, conversation: Conversation) -> "Visit":
        """The visit after the visitor stopped an answer; its cost is not known."""
        session = after_answer(self.session, conversation, model_id=given.model_id, input_tokens=0, output_tokens=0)
        return replace(
            self,
            session=session,
            given=(*self.given, given)[-MAX_GIVEN:],
            n_answers=self.n_answers + 1,
            n_unpriced=self.n_unpriced + 1,
        )

    def with_verdict(self, verdict: Verdict, given: Given) -> "Visit":
        """The visit after the visitor judged an answer."""
        session = after_verdict(self.session, verdict, given.model_id)
        if verdict == "retry":
            return replace(self, session=session)
        return replace(self, session=session, judged={**self.judged, given.answer_id: verdict == "like"})

    def total_words(self) -> str:
        """Cost of all answers so far: "$0.0021 for 3 answers"; empty for the first, a mark where some have no price."""
        if self.n_answers < 2:
            return ""
        priced = format_usd(self.spent_usd) if self.n_unpriced < self.n_answers else DASH
        mark = f", {self.n_unpriced} of them without a price" if self.n_unpriced else ""
        return f"{priced} for {self.n_answers} answers{mark}"
