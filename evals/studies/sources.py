"""The public result sets that the shipped recordings are built from: what each is, and how its tables are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from omni.types import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One result set, as prompts.parquet and outcomes.parquet in a folder of its name."""

    name: str
    title: str
    address: str
    licence: str
    languages: tuple[str, ...]
    score_meaning: str
    task: Task | Mapping[str, Task]
    """One task for all prompts, or by the source's own task column."""
    category: str
    """The source's column that becomes the category."""
    group: Callable[[pd.DataFrame], pd.Series] | None = None
    """Prompts to the id of the conversation or passage they share; None = each on its own."""
    where: tuple[tuple[str, str], ...] = ()
    """Columns of prompts or outcomes, each with the one value kept."""
    complete_prompts: bool = False
    """Keep only prompts that every kept model answered."""
    max_prompts: int | None = None
    """Keep this many prompts at most, chosen by a hash of the text."""
    biases: str = ""
    """What a reader has to know before drawing conclusions."""


def _conversation(prompts: pd.DataFrame) -> pd.Series:
    """Prompt ids end in the turn: structflow-12-c3 is the third turn of structflow-12."""
    return prompts["prompt_id"].str.rsplit("-", n=1).str[0]


def _rule(prompts: pd.DataFrame) -> pd.Series:
    return prompts["rule_id"]


SHIPPED: tuple[Source, ...] = (
    Source(
        name="mmlupro",
        title="MMLU-Pro: knowledge in 14 subjects",
        address="https://github.com/TIGER-AI-Lab/MMLU-Pro",
        licence="Apache-2.0",
        languages=("en",),
        score_meaning="the right one of up to ten options was chosen",
        task=Task.KNOWLEDGE,
        category="category",
        biases="Models were shown five worked examples, which the input tokens leave out.",
    ),
    Source(
        name="zeroeval",
        title="ZeroEval: grade-school and competition mathematics, code execution",
        address="https://github.com/WildEval/ZeroEval",
        licence="Apache-2.0",
        languages=("en",),
        score_meaning="the final answer is exactly right",
        task={"gsm": Task.MATH, "math-l5": Task.MATH, "crux": Task.CODE},
        category="subcategory",
        biases="Models of 2024; grade-school mathematics is close to solved by the larger ones.",
    ),
    Source(
        name="korbench",
        title="KOR-Bench: puzzles by rules made up for the test",
        address="https://github.com/KOR-Bench/KOR-Bench",
        licence="Apache-2.0",
        languages=("en",),
        score_meaning="the answer is exactly right",
        task=Task.REASONING,
        category="category",
        group=_rule,
        where=(("variant", "zero-shot"),),
        biases="Ten questions share each rule: a rule stands on one side only, so test rules are new ones.",
    ),
    Source(
        name="shaberi",
        title="Shaberi: Japanese chat, four test sets",
        address="https://github.com/shisa-ai/shaberi",
        licence="Apache-2.0",
        languages=("ja",),
        score_meaning="the judge model gives full marks",
        task=Task.CHAT,
        category="task",
        biases="Scores are one judge's (gpt-4.1-2025-04-14); a third of the pool was trained for Japanese.",
    ),
    Source(
        name="structflowbench",
        title="StructFlowBench: instructions over several turns",
        address="https://github.com/MLGroupJLU/StructFlowBench",
        licence="MIT",
        languages=("en",),
        score_meaning="every constraint of the turn is met; less is the share of those met",
        task=Task.INSTRUCTION_FOLLOWING,
        category="subcategory",
        group=_conversation,
        biases="Scores are a judge's and lie close together near the top.",
    ),
    Source(
        name="lawbench",
        title="LawBench: Chinese law",
        address="https://github.com/open-compass/LawBench",
        licence="Apache-2.0",
        languages=("zh",),
        score_meaning="the answer is right; partly right for free answers",
        task=Task.KNOWLEDGE,
        category="subcategory",
        biases="Models of 2023; many answer in a form the grader does not accept.",
    ),
    Source(
        name="farel_bench",
        title="farel-bench: family relations",
        address="https://github.com/fairydreaming/farel-bench",
        licence="MIT",
        languages=("en",),
        score_meaning="the right relation was named",
        task=Task.REASONING,
        category="subcategory",
        where=(("language", "en"), ("variant", "nosys")),
        biases="One kind of task from one generator; most local models were run as 8-bit copies of the named weights.",
    ),
    Source(
        name="reasoning_gym",
        title="Reasoning Gym: generated tasks with a checker",
        address="https://github.com/open-thought/reasoning-gym-eval",
        licence="Apache-2.0",
        languages=("en",),
        score_meaning="the checker accepts the answer, as a mean over up to three attempts",
        task=Task.REASONING,
        category="category",
        complete_prompts=True,
        max_prompts=4000,
        biases="Three of nine models think at length before they answer; only prompts that all nine answered are kept.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """A recording that joins others on the models they share."""

    name: str
    title: str
    parts: tuple[str, ...]


MIXED: tuple[Mixed, ...] = (
    Mixed(name="mixed-zk", title="Mixed: mathematics, code and puzzles", parts=("zeroeval", "korbench")),
    Mixed(
        name="mixed-zkf",
        title="Mixed: mathematics, code, puzzles and family relations",
        parts=("zeroeval", "korbench", "farel_bench"),
    ),
    Mixed(
        name="mixed-mzk",
        title="Mixed: knowledge, mathematics, code and puzzles",
        parts=("mmlupro", "zeroeval", "korbench"),
    ),
    Mixed(
        name="mixed-ks",
        title="Mixed: puzzles and instructions over several turns",
        parts=("korbench", "structflowbench"),
    ),
    Mixed(name="mixed-sf", title="Mixed: Japanese chat and family relations", parts=("shaberi", "farel_bench")),
)
