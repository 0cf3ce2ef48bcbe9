"""What public facts say of models on a prompt: benchmarks, older boards, recordings of other prompts, family and size.

quality = logistic(level - difficulty + general + task_fit + language + long_context), flattened by what is not known of
the level. Abilities come from `kriging`; difficulty, tasks and language are read in the prompt.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from omni.catalog.lineage import ModelFacts, load_family_rules
from omni.quality.benchmarks import LONG_CONTEXT, CardEvidence, deviation, read_card
from omni.quality.estimate import TASKS, Expected, task_shares
from omni.quality.knowledge import Knowledge, Posterior, card_digest, shipped_knowledge
from omni.quality.kriging import (
    ABILITY,
    LANGUAGE_COVARIATES,
    LENGTH,
    N_SKILLS,
    SKILL_OF_TASK,
    Kriged,
    Observed,
    block_level,
    krige,
    logistic,
)
from omni.quality.newcomers import Levels
from omni.types import ModelCard, PromptProfile

QUALITY_PARTS = ("average_model", "general", "task_fit", "language", "long_context")
LONG_TOKENS = 16_000
"""Inputs from about here on are what long-context benchmarks test."""
MIN_SCORES = 3
"""Benchmarks that a card must have for its scores to count."""
MIN_EVIDENCE_VAR = 0.06
"""Least variance of what a card's scores say of a skill, logits²."""
SOURCE_LEVEL_VAR = 1.1
"""Variance of the level of prompts never seen, logits²: the recordings lie that far from what their models' strength
and the others' level say of them, and nothing read in their prompts foretells it."""
SCALE_SD = 0.3
"""Prompts of one kind stretch the differences between models by an unknown factor; standard deviation around 1."""
LENGTH_RIDGE, BETWEEN_WEIGHT = 0.005, 1.0
THINKING_ELASTICITY = 0.4
"""Share of a prompt's effect on the logarithm of the length that shows in models that think first: what they think is
longer than what they say, and grows less with it."""
MAX_DESIGN_TOKENS = 4_000
"""Longer inputs count as this long where the length of the answer is foretold."""
_SKILLS_BY_TASK = np.eye(N_SKILLS)[[SKILL_OF_TASK[task] for task in TASKS]]
_LANGUAGE_BY_SKILL = np.array(ABILITY.language_by_skill)
_N_TIED = 40
"""Models of the catalog that new ones are held against."""


class PublicQuality:
    """A quality model (see `estimate.QualityModel`) for any models; immutable."""

    def __init__(self, cards: Sequence[ModelCard], knowledge: Knowledge) -> None:
        cards = sorted(cards, key=lambda card: card.model_id)
        self.model_ids = tuple(card.model_id for card in cards)
        self.version = knowledge.version
        self._knowledge = knowledge
        self._facts = describe_cards(cards, knowledge)
        self._evidence = [read_card(card, knowledge.scales) for card in cards]
        posterior = find_posterior(knowledge, self._facts, self._evidence)
        self._price_in = np.array([card.price_in_usd_per_mtok for card in cards], dtype=float)
        self._price_out = np.array([card.price_out_usd_per_mtok for card in cards], dtype=float)
        self._difficulty, self._usual_difficulty = _difficulty_slope(knowledge)
        self._level = _mean_level(knowledge) + float(posterior.mean.mean())
        ability = posterior.mean - posterior.mean.mean(axis=0)
        self._general = ability.mean(axis=1)
        self._tilt = np.ascontiguousarray((ability - self._general[:, None]).T)
        self._variance = posterior.variance.reshape(len(cards), -1).T + ABILITY.source**2
        unknown = SOURCE_LEVEL_VAR + float(self._variance.mean())
        # the mean of a logistic over a normal error of its argument, to about 0.02 (MacKay 1992).
        self._flatter = 1.0 / np.sqrt(1.0 + np.pi / 8.0 * unknown)
        self._length, usual = _length_head(knowledge)
        self._tokens = np.exp(posterior.log_length + usual)
        self._elasticity = np.where([facts.reasons for facts in self._facts], THINKING_ELASTICITY, 1.0)
        self._extras = self._card_extras(posterior)
        self._language_slope = posterior.languages
        self._languages: dict[str, np.ndarray] = {}

    def expect(self, profiles: Sequence[PromptProfile]) -> Expected:
        """What to expect of each model on each prompt; NaN cost = unknown price."""
        tasks, tokens, logit = read = read_columns(profiles)
        shares = np.einsum("pt,ts->ps", tasks, _SKILLS_BY_TASK)
        average = self._level - self._difficulty * (logit - self._usual_difficulty)
        parts = np.zeros((4, len(profiles), len(self.model_ids)))
        parts[0] = self._general
        np.einsum("ps,sm->pm", shares, self._tilt, out=parts[1])
        for row, profile in enumerate(profiles):
            if profile.language != "en":
                base, own = self._language(profile.language)
                parts[2, row] = (shares[row] @ _LANGUAGE_BY_SKILL) * base + own
            if profile.input_tokens >= LONG_TOKENS:
                parts[3, row] = self._extras[LONG_CONTEXT]
        apart = np.add.reduce(parts)
        quality = logistic(self._flatter * (average[:, None] + apart))
        usual = logistic(self._flatter * average)[:, None]
        steep = self._flatter * quality * (1.0 - quality)
        # along the straight path from an average model to this one every logit counts the same
        near = np.abs(apart) < 1e-9
        parts *= np.where(near, steep, (quality - usual) / np.where(near, 1.0, apart))
        squares = (shares[:, :, None] * shares[:, None, :]).reshape(len(profiles), -1)
        variance = np.einsum("ps,sm->pm", squares, self._variance) + (SCALE_SD * apart) ** 2
        longer = np.einsum("pd,d->p", length_design(read), self._length)
        output_tokens = np.exp(longer[:, None] * self._elasticity) * self._tokens
        return Expected(
            quality_parts=dict(zip(QUALITY_PARTS, (np.broadcast_to(usual, apart.shape), *parts), strict=True)),
            quality=quality,
            quality_se=steep * np.sqrt(variance),
            output_tokens=output_tokens,
            cost_usd=(tokens[:, None] * self._price_in + output_tokens * self._price_out) / 1e6,
        )

    def expect_typical(self) -> Expected:
        """The same on one prompt of middle difficulty that asks for every text task in equal parts."""
        return self.expect([PromptProfile.typical()])

    def with_cards(self, cards: Sequence[ModelCard]) -> "PublicQuality":
        """The same knowledge of `cards`, at their prices."""
        return PublicQuality(cards, self._knowledge)

    def level_belief(self, profiles: Sequence[PromptProfile]) -> Levels:
        """What is believed of the models' mean logits on prompts like these, what all share included."""
        kriged = _krige(self._knowledge, self._facts, self._evidence)
        tasks, _, logit = read_columns(profiles)
        shares = tasks.mean(axis=0) @ _SKILLS_BY_TASK
        ability = kriged.mean - kriged.mean.mean(axis=0)
        spoken = np.zeros(len(self.model_ids))
        for profile in profiles:
            if profile.language != "en":
                base, own = self._language(profile.language)
                spoken += (float(shares @ _LANGUAGE_BY_SKILL) * base + own) / len(profiles)
        mean = self._level - self._difficulty * float(logit.mean() - self._usual_difficulty)
        mean = mean + ability @ shares + spoken
        covariance = np.einsum("a,b,abij->ij", shares, shares, kriged.covariance)
        return Levels(mean, covariance + ABILITY.source**2 * np.eye(len(mean)) + SOURCE_LEVEL_VAR)

    def _language(self, language: str) -> tuple[np.ndarray, np.ndarray]:
        """(m,) logits each: what a language takes from a model at the chat skill, and what its own scores in it add."""
        if language not in self._languages:
            covariates = np.array([facts.covariates(language)[LANGUAGE_COVARIATES] for facts in self._facts])
            own = self._extras.get(language, np.zeros(len(self._facts)))
            base = covariates @ self._language_slope
            self._languages[language] = np.array([base, own])
        base, own = self._languages[language]
        return base, own

    def _card_extras(self, posterior: Posterior) -> dict[str, np.ndarray]:
        """By language, and for long inputs: the models' deviations there, (m,) logits."""
        values = np.array([evidence.value for evidence in self._evidence])
        known = np.isfinite(values)
        # benchmarks and recordings have each a level of their own
        offset = np.where(known, values - posterior.mean, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        rows = posterior.mean + offset
        return {
            extra: np.array([deviation(own, row, extra) for own, row in zip(self._evidence, rows, strict=True)])
            for extra in {LONG_CONTEXT, *(extra for own in self._evidence for extra in own.extras)}
        }


def load_public(cards: Sequence[ModelCard], *, without: np.ndarray | None = None) -> PublicQuality:
    """The public source of quality for some models, of the catalog or not.

    Args:
        cards: what is known of them; a model without scores is known by its name, size and date.
        without: (n, d) feature rows of a recording; shipped recordings that share prompts with it are not used.
    """
    knowledge = shipped_knowledge()
    return PublicQuality(cards, knowledge if without is None else knowledge.without(without))


def describe_cards(cards: Sequence[ModelCard], knowledge: Knowledge) -> list[ModelFacts]:
    """Facts of each card, a variant's those of its model; without a date, as the model was described before."""
    rules, known = load_family_rules(), knowledge.facts
    told = [
        rules.facts(card.display_name, card.variant_of or card.model_id, card.params_total_b, card) for card in cards
    ]
    return [
        known.get(facts.key, facts) if card.release_date is None else facts
        for facts, card in zip(told, cards, strict=True)
    ]


def find_posterior(knowledge: Knowledge, facts: Sequence[ModelFacts], evidence: Sequence[CardEvidence]) -> Posterior:
    """What is believed of each model: as computed in training, or now where a card is new or a recording left out."""
    rows = [
        knowledge.posterior_row.get(card_digest(own, seen.value)) for own, seen in zip(facts, evidence, strict=True)
    ]
    old, at = [column for column, row in enumerate(rows) if row is not None], [row for row in rows if row is not None]
    if not old:
        return compute_posterior(knowledge, facts, evidence)
    stored = knowledge.posterior
    every = np.zeros(len(facts), dtype=int)
    every[old] = at
    found = Posterior(stored.mean[every], stored.variance[every], stored.log_length[every], stored.languages)
    if len(old) < len(facts):
        # the mean of all models is that of the new ones and of a sample of the others
        tied = old[:: max(len(old) // _N_TIED, 1)]
        shown = sorted({*tied, *(column for column, row in enumerate(rows) if row is None)})
        fresh = compute_posterior(
            knowledge, [facts[column] for column in shown], [evidence[column] for column in shown]
        )
        for array, new in zip(found[:-1], fresh[:-1], strict=True):
            array[shown] = new
    return found


def compute_posterior(knowledge: Knowledge, facts: Sequence[ModelFacts], evidence: Sequence[CardEvidence]) -> Posterior:
    """What all observations say of the models."""
    kriged = _krige(knowledge, facts, evidence)
    shared = kriged.covariance.mean(axis=3)
    own = np.einsum("abii->abi", kriged.covariance) - shared - shared.transpose(1, 0, 2)
    variance = (own + shared.mean(axis=2)[:, :, None]).transpose(2, 0, 1)
    lengths = [source.lengths for source in knowledge.sources if source.lengths is not None]
    log_length = krige(LENGTH, lengths, facts).mean.mean(axis=1)
    return Posterior(kriged.mean, variance, log_length, kriged.slope[LANGUAGE_COVARIATES])


class Columns(NamedTuple):
    """What is read of n prompts: shares (n, n_tasks), tokens of the input, difficulty in logits."""

    tasks: np.ndarray
    tokens: np.ndarray
    difficulty: np.ndarray


def read_columns(profiles: Sequence[PromptProfile]) -> Columns:
    """The columns of some prompts."""
    tokens = np.array([float(profile.input_tokens) for profile in profiles])
    share = np.minimum(np.maximum([profile.difficulty for profile in profiles], 0.02), 0.98)
    return Columns(task_shares(profiles), tokens, np.log(share / (1.0 - share)))


def length_design(read: Columns) -> np.ndarray:
    """(n, d) what the length of an answer is linear in: a constant, length of the prompt, difficulty, tasks."""
    rows = np.ones((len(read.tasks), 3 + len(TASKS)))
    rows[:, 1] = 0.3 * (np.log(np.minimum(read.tokens, MAX_DESIGN_TOKENS) + 10.0) - 5.0)
    rows[:, 2] = 0.3 * read.difficulty
    rows[:, 3:] = read.tasks
    return rows


def _krige(knowledge: Knowledge, facts: Sequence[ModelFacts], evidence: Sequence[CardEvidence]) -> Kriged:
    """Abilities given all observations, and the scores of cards that training did not know."""
    known = {model.key for block in knowledge.benchmarks[:N_SKILLS] for model in block.models}
    new = [
        (own, seen)
        for own, seen in zip(facts, evidence, strict=True)
        if seen.n_scores >= MIN_SCORES and own.key not in known
    ]
    blocks = list(knowledge.benchmarks)
    for skill in range(N_SKILLS if new else 0):
        blocks[skill] = _extended(blocks[skill], skill, new)
    return krige(ABILITY, [*blocks, *(source.abilities for source in knowledge.sources)], facts)


def _extended(block: Observed, skill: int, new: Sequence[tuple[ModelFacts, CardEvidence]]) -> Observed:
    some = [(own, seen) for own, seen in new if np.isfinite(seen.value[skill])]
    return replace(
        block,
        models=[*block.models, *(own for own, _ in some)],
        value=np.append(block.value, [seen.value[skill] for _, seen in some]),
        variance=np.append(block.variance, [max(seen.variance[skill], MIN_EVIDENCE_VAR) for _, seen in some]),
    )


def _mean_level(knowledge: Knowledge) -> float:
    """Level of a recording's scores, logits; one recording counts as much as another, 0 without any."""
    levels = [block_level(ABILITY, source.abilities) for source in knowledge.sources]
    return float(np.mean(levels)) if levels else 0.0


def _difficulty_slope(knowledge: Knowledge) -> tuple[float, float]:
    """Logits of failing for one logit of read difficulty, and the logit that is usual in recordings."""
    if not knowledge.sources:
        return 0.0, 0.0
    mean, variance, covariance = np.mean([source.difficulty for source in knowledge.sources], axis=0)
    return float(covariance / (variance + 0.01)), float(mean)


def _length_head(knowledge: Knowledge) -> tuple[np.ndarray, float]:
    """(d,) what a prompt adds to the log output tokens of a model, per column of its design, and the usual log."""
    sources = [source for source in knowledge.sources if source.lengths is not None]
    if not sources:
        return np.zeros(3 + len(TASKS)), float(np.log(300.0))
    levels = np.array([block_level(LENGTH, source.lengths) for source in sources if source.lengths is not None])
    centres = np.array([source.centre for source in sources])
    usual = centres.mean(axis=0)
    apart, longer = centres - usual, levels - levels.mean()
    gram = np.mean([source.length_moments for source in sources], axis=0) + LENGTH_RIDGE * np.eye(len(usual))
    side = np.mean([source.length_slopes for source in sources], axis=0)
    weight = BETWEEN_WEIGHT / len(sources)
    slope = np.linalg.solve(gram + weight * apart.T @ apart, side + weight * apart.T @ longer)
    slope[0] = -float(usual[1:] @ slope[1:])
    return slope, float(levels.mean())
