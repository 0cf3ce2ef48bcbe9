"""A pool of models served without one of its own outcomes, or with a few: expected quality and cost of each prompt.

Models: `kriging` over the catalog's benchmarks, other recordings, size, date and family. Prompts: linear heads on the
features, learned from other recordings, for the mixture of skills, difficulty and answer length.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from omni.quality.abilities import TASKS, AbilityTable
from omni.quality.boards import board_observations
from omni.quality.kriging import ABILITY, LENGTH, N_SKILLS, Belief, Expected, Observed, condition, krige, logistic
from omni.quality.lineage import ModelFacts, describe_models
from omni.quality.nearby import Nearby, learn_nearby, to_directions
from omni.quality.outcomes import learn
from omni.quality.transfer import LABELS, TARGETS, SourceFacts, Transfer, make_design
from omni.types import ModelCard, Task

MIN_SCORES = 3
"""Benchmarks that a model of the catalog must have to count as known by them."""
CHAT_TASKS = (Task.INSTRUCTION_FOLLOWING, Task.CREATIVE_WRITING, Task.CHAT, Task.SUMMARIZATION, Task.TRANSLATION)
BENCHMARK_TASKS: tuple[tuple[Task, ...], ...] = ((Task.MATH,), (Task.CODE,), (Task.KNOWLEDGE,), CHAT_TASKS)
"""The catalog's abilities that speak for each skill."""
BENCHMARK_ERROR = 0.7
"""Share of the catalog's standard errors that is a skill's own; the rest is shared by all benchmarks of a model."""
SKILL_TRUST = 0.5
"""Share of a predicted difference between skills of a model that is believed; chosen on recordings left out."""
LENGTH_TRUST = 1.0
RISK = 0.5
"""Standard errors of a model's ability that are taken off its quality."""
SOURCE_LEVEL_VAR = 1.1
"""Of the level of a source never seen, logits²: so far the recordings, and others kept for development, lie apart from
what their models' strength and the others' level say of them. Nothing read off their prompts foretells it."""
USUAL_TOKENS = 300.0
DIFFICULTY_RIDGE, LENGTH_RIDGE = 0.1, 0.01
SKILL_RIDGE = 0.05
LABEL_WEIGHT = 1.0
SOURCE_WEIGHT = 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptHeads:
    """Linear heads on the design of a prompt."""

    skill: np.ndarray
    """(d + 1, N_SKILLS): logits, the last row the constant."""
    difficulty: np.ndarray
    """(d,) logits, up to a constant."""
    length: np.ndarray
    """(d,) log of output tokens, up to a constant."""

    def shares(self, design: np.ndarray) -> np.ndarray:
        """(n, N_SKILLS) mixture of skills, rows sum to 1."""
        logits = design @ self.skill[:-1] + self.skill[-1]
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """(n_prompts, n_models) each."""

    quality: np.ndarray
    """0..1, mean over what the levels of the source and of the model may be."""
    quality_se: np.ndarray
    """Of a model's level against the pool's, 0..1."""
    worth: np.ndarray
    """What to choose by: quality at the likeliest level, a share of the standard error taken off."""
    cost_usd: np.ndarray
    """NaN = unknown price."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnlabelledPool:
    """A pool known by its models alone, or by a few outcomes too; immutable."""

    models: tuple[ModelFacts, ...]
    heads: PromptHeads
    n_embedding: int
    ability: Expected
    length: Expected
    usual: np.ndarray
    """(d,) mean design of the prompts of this pool, which difficulty and length are measured from."""
    usual_shares: np.ndarray
    level: np.ndarray
    """(m,) logits of a usual prompt."""
    tilt: np.ndarray
    """(m, N_SKILLS) logits gained with the share of each skill above the usual one, as far as it is believed."""
    log_tokens: np.ndarray
    """(m,) log of the output tokens on a usual prompt."""
    log_cost: np.ndarray
    """(m,) logarithm of the cost seen over the cost expected, as far as it is believed; 0 without outcomes."""
    level_covariance: np.ndarray
    """(m, m) of `level`, what a model does in this pool alone and what all share included."""
    price_in_usd_per_mtok: np.ndarray
    price_out_usd_per_mtok: np.ndarray
    nearby: Nearby | None = None
    """What outcomes say of prompts like theirs; None without outcomes."""

    @property
    def level_se(self) -> np.ndarray:
        """(m,) logits, of a model's level against the mean of the pool: what all share decides no choice."""
        shared = self.level_covariance.mean(axis=0)
        return np.sqrt(np.maximum(np.diag(self.level_covariance) - 2 * shared + shared.mean(), 1e-6))

    def predict(self, features: np.ndarray, input_tokens: np.ndarray) -> Forecast:
        """Expected quality and cost; `input_tokens` (n,), NaN = unknown."""
        design = make_design(features, input_tokens, self.n_embedding)
        apart = design - self.usual
        logit = self._logits(self.heads.shares(design), apart)
        suits = np.zeros(logit.shape)
        if self.nearby is not None:
            easier, suits = self.nearby.at(to_directions(apart))
            logit = logit + easier
        likeliest = logistic(logit)
        # The mean of a logistic over a normal error of its argument, to about 0.02 (MacKay 1992).
        flatter = 1.0 / np.sqrt(1.0 + np.pi / 8.0 * np.diag(self.level_covariance))
        error = self.level_se * likeliest * (1.0 - likeliest)
        tokens = np.exp(self.log_tokens + LENGTH_TRUST * (apart @ self.heads.length)[:, None])
        known = np.where(np.isfinite(input_tokens), input_tokens, USUAL_TOKENS)
        cost = known[:, None] * self.price_in_usd_per_mtok + tokens * self.price_out_usd_per_mtok
        return Forecast(
            quality=np.clip(logistic(flatter * logit) + suits, 0.0, 1.0),
            quality_se=error,
            worth=likeliest + suits - RISK * error,
            cost_usd=cost * np.exp(self.log_cost) / 1e6,
        )

    def with_outcomes(
        self, features: np.ndarray, input_tokens: np.ndarray, scores: np.ndarray, costs_usd: np.ndarray | None
    ) -> "UnlabelledPool":
        """The pool after seeing a few outcomes, all that there are: scores and costs (n, m), NaN = not seen.

        The level of every model moves as far as its own scores, and those of models like it, support; what they leave
        unsaid moves prompts like those with outcomes. Prompts drawn at random serve as well as chosen ones.
        """
        if not np.isfinite(scores).any():
            return self
        design = make_design(features, input_tokens, self.n_embedding)
        shares, usual = self.heads.shares(design), self.usual_shares
        # What a model does in this pool alone is half shared by the kinds of prompts it holds.
        own = 0.5 * (1.0 + np.eye(N_SKILLS))[:, :, None, None] * np.eye(len(self.level))
        spread = self.ability.covariance + ABILITY.source**2 * own
        learned = learn(spread, self._logits(shares, design - self.usual), shares, scores)
        after = replace(
            self,
            level=self.level + learned.shift @ usual,
            tilt=self.tilt + learned.shift,
            level_covariance=np.einsum("a,b,abij->ij", usual, usual, learned.covariance),
            log_cost=self.with_costs(features, input_tokens, costs_usd).log_cost,
        )
        apart = design - self.usual
        return replace(after, nearby=learn_nearby(to_directions(apart), after._logits(shares, apart), scores))

    def with_costs(
        self, features: np.ndarray, input_tokens: np.ndarray, costs_usd: np.ndarray | None
    ) -> "UnlabelledPool":
        """The pool after seeing costs alone, (n, m) with NaN = not seen; None = none."""
        if costs_usd is None:
            return self
        ratio, ratio_noise = _cost_ratio(costs_usd, self.predict(features, input_tokens).cost_usd)
        lengths = _at_skills(LENGTH, self.length, self.usual_shares)
        shift = condition(np.zeros(len(ratio)), lengths, ratio, ratio_noise)[0]
        return replace(self, log_cost=self.log_cost + shift)

    def _logits(self, shares: np.ndarray, apart: np.ndarray) -> np.ndarray:
        """(n, m) from the mixture of skills and the design against the usual one."""
        tilt = (shares - self.usual_shares) @ self.tilt.T
        return np.asarray(self.level + tilt - (apart @ self.heads.difficulty)[:, None])


def solve_heads(transfer: Transfer) -> PromptHeads:
    """Heads from the sums of the sources; one source counts as much as another, whatever its size."""
    sources, size = transfer.sources, len(transfer.labels.moments)
    total = sum((source.moments for source in sources), np.zeros((size, size)))
    eye = max(len(sources), 1) * np.eye(size)
    sides = sum((source.slopes for source in sources), np.zeros((len(TARGETS), size)))
    difficulty = np.linalg.solve(total + DIFFICULTY_RIDGE * eye, sides[0])
    length = np.linalg.solve(total + LENGTH_RIDGE * eye, sides[1])
    return PromptHeads(skill=_skill_head(transfer), difficulty=difficulty, length=length)


def _blank_heads(size: int) -> PromptHeads:
    """For features of another encoder, which the sums say nothing of: all prompts are alike."""
    return PromptHeads(skill=np.zeros((size + 1, N_SKILLS)), difficulty=np.zeros(size), length=np.zeros(size))


def _skill_head(transfer: Transfer) -> np.ndarray:
    """Linear discriminant of the stated skills: one covariance, ridged, and the mean of each skill."""
    parts: Sequence[SourceFacts] = (transfer.labels, *transfer.sources)
    weights = [LABEL_WEIGHT if part.name == LABELS else SOURCE_WEIGHT for part in parts]
    n_skills = np.zeros(N_SKILLS)
    sums = np.zeros_like(transfer.labels.class_sum)
    scatter = np.zeros_like(transfer.labels.moments)
    for weight, part in zip(weights, parts, strict=True):
        n_part = float(part.class_n.sum())
        share = weight / n_part
        n_skills, sums = n_skills + share * part.class_n, sums + share * part.class_sum
        centre = part.class_sum.sum(axis=0) / n_part
        scatter += weight * (part.moments + np.outer(centre, centre))
    means = sums / np.maximum(n_skills, 1e-9)[:, None]
    within = (scatter - (means * n_skills[:, None]).T @ means) / n_skills.sum()
    slope = np.linalg.solve(within + SKILL_RIDGE * np.trace(within) / len(within) * np.eye(len(within)), means.T)
    constant = -0.5 * (means.T * slope).sum(axis=0)
    return np.vstack([slope, constant])


def benchmark_observations(cards: Sequence[ModelCard], table: AbilityTable) -> list[Observed]:
    """The catalog's abilities, one block a skill."""
    rows = [row for row in range(len(cards)) if table.n_scores[row] >= MIN_SCORES and cards[row].role != "guard"]
    known = {cards[row].model_id: cards[row] for row in rows}
    names = [cards[row].model_id for row in rows]
    models = describe_models(names, names, [None] * len(names), known)
    blocks = []
    for skill, tasks in enumerate(BENCHMARK_TASKS):
        columns = [TASKS.index(task) for task in tasks]
        value = table.task[np.ix_(rows, columns)].mean(axis=1)
        error = BENCHMARK_ERROR * table.task_se[np.ix_(rows, columns)].mean(axis=1)
        blocks.append(Observed(models, np.eye(N_SKILLS)[skill], value, error**2, is_benchmark=True))
    return blocks


def recording_observations(transfer: Transfer, cards: Mapping[str, ModelCard]) -> tuple[list[Observed], list[Observed]]:
    """What the recordings say of abilities and of the logarithm of answer lengths."""
    abilities, lengths = [], []
    for source in transfer.sources:
        names, model_ids, sizes = zip(*source.models, strict=True)
        models = describe_models(names, model_ids, sizes, cards)
        abilities.append(Observed(models, source.skills, source.value, source.variance))
        known = np.flatnonzero(np.isfinite(source.log_length))
        if len(known):
            some = [models[row] for row in known]
            lengths.append(Observed(some, source.skills, source.log_length[known], np.full(len(known), 0.01)))
    return abilities, lengths


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Knowledge:
    """Observations of models from the catalog and from recordings."""

    abilities: tuple[Observed, ...]
    lengths: tuple[Observed, ...]

    def without(self, keys: Collection[str], *, keep_public: bool = False) -> "Knowledge":
        """The same without these models (`ModelFacts.key`); public benchmarks and boards of theirs may stay."""
        kept = (block if keep_public and block.is_benchmark else _rest(block, keys) for block in self.abilities)
        lengths = (_rest(block, keys) for block in self.lengths)
        return Knowledge(
            abilities=tuple(block for block in kept if block.models),
            lengths=tuple(block for block in lengths if block.models),
        )


def build_unlabelled(
    transfer: Transfer,
    knowledge: Knowledge,
    models: Sequence[ModelFacts],
    prices: np.ndarray,
    prompts: tuple[np.ndarray, np.ndarray],
) -> UnlabelledPool:
    """A pool known by its models.

    Args:
        transfer: what may be used; see `Transfer.without`.
        knowledge: the observations behind abilities and lengths, of the same sources.
        models: the pool.
        prices: (m, 2) USD per million input and output tokens, NaN = unknown.
        prompts: features (n, d) and input tokens (n,) of prompts like those to come.
    """
    design = make_design(*prompts, transfer.n_embedding)
    heads = solve_heads(transfer) if design.shape[1] == len(transfer.labels.moments) else _blank_heads(design.shape[1])
    ability = krige(ABILITY, knowledge.abilities, models)
    length = krige(LENGTH, knowledge.lengths, models)
    shares = heads.shares(design).mean(axis=0)
    mean, _ = ability.at(shares)
    tokens, _ = length.at(shares)
    return UnlabelledPool(
        models=tuple(models),
        heads=heads,
        n_embedding=transfer.n_embedding,
        ability=ability,
        length=length,
        usual=design.mean(axis=0),
        usual_shares=shares,
        level=mean + ability.level,
        tilt=SKILL_TRUST * (ability.mean - ability.mean.mean(axis=0)),
        log_tokens=tokens - tokens.mean() + np.log(USUAL_TOKENS),
        log_cost=np.zeros(len(models)),
        level_covariance=_at_skills(ABILITY, ability, shares) + SOURCE_LEVEL_VAR,
        price_in_usd_per_mtok=prices[:, 0],
        price_out_usd_per_mtok=prices[:, 1],
    )


def gather(transfer: Transfer, cards: Sequence[ModelCard], table: AbilityTable) -> Knowledge:
    """All observations of a catalog, of older leaderboards and of the recordings in `transfer`."""
    known = {card.model_id: card for card in cards}
    abilities, lengths = recording_observations(transfer, known)
    public = (*benchmark_observations(cards, table), *board_observations(known))
    return Knowledge(abilities=(*abilities, *public), lengths=tuple(lengths))


def _rest(block: Observed, keys: Collection[str]) -> Observed:
    rows = [row for row, model in enumerate(block.models) if model.key not in keys]
    return block._replace(
        models=[block.models[row] for row in rows], value=block.value[rows], variance=block.variance[rows]
    )


def _at_skills(belief: Belief, expected: Expected, shares: np.ndarray) -> np.ndarray:
    """(m, m) covariance in this pool: of what is general, and of what each model does here alone."""
    _, covariance = expected.at(shares)
    return np.asarray(covariance + belief.source**2 * np.eye(len(covariance)))


def _cost_ratio(costs_usd: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m,) log of the cost seen over the cost expected, and its variance; NaN for a model without."""
    seen = np.isfinite(costs_usd) & np.isfinite(expected) & (expected > 0)
    n_seen = np.maximum(seen.sum(axis=0), 1)
    got = np.where(seen, costs_usd, 0.0).sum(axis=0)
    told = np.where(seen, expected, 0.0).sum(axis=0)
    usable = (got > 0) & (told > 0)
    ratio = np.where(usable, np.log(np.where(usable, got, 1.0) / np.where(usable, told, 1.0)), np.nan)
    return ratio, 1.0 / n_seen
