"""Train what the public router knows from the catalog, older boards and the shipped recordings.

Reads data/catalog, data/router/boards.csv and the recordings named in `shipped.py`, and writes one file of figures.
The same data gives the same figures; a folder that a user adds to data/recordings is not read.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import load_file, save_file
from threadpoolctl import threadpool_limits

from evals.studies.benchmark_scales import fit_scales
from evals.studies.boards import board_observations, describe_models
from evals.studies.shipped import SOURCE_RECORDINGS
from omni.catalog import Catalog, load_catalog
from omni.catalog.lineage import ModelFacts
from omni.config import DATA_DIR
from omni.errors import RecordingError
from omni.quality.benchmarks import CardEvidence, read_card
from omni.quality.knowledge import (
    KNOWLEDGE_FILE,
    SOURCE_ARRAYS,
    Knowledge,
    Posterior,
    Source,
    card_digest,
    load_knowledge,
    unit_rows,
)
from omni.quality.kriging import N_SKILLS, SKILL_OF_TASK, Observed
from omni.quality.public import (
    MIN_EVIDENCE_VAR,
    MIN_SCORES,
    compute_posterior,
    describe_cards,
    length_design,
    read_columns,
)
from omni.recording import Recording, load_recording, recordings_folder
from omni.types import ModelCard, Task

N_SKETCH = 64
"""Prompts of a recording that are remembered."""
N_EMBEDDING = 256
"""First columns of the features: the text's embedding, which the sketches keep."""
LENGTH_VAR = 0.01
"""Of the logarithm of a model's mean length, beside what is its own in one recording."""
_TOLERANCE = 0.02
"""Difference between two trainings on different processors that changes no choice visibly."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--check", action="store_true", help="compare with the shipped file and write nothing")
    parser.add_argument("--recordings", type=Path, metavar="FOLDER", help="default: the shipped recordings")


def run(args: argparse.Namespace) -> int:
    """Trains and writes, or compares; 1 when --check finds other figures than the shipped ones."""
    folder = args.recordings or recordings_folder()
    # sums of another number of threads differ in their last bits
    with threadpool_limits(limits=1):
        knowledge = train([load_recording(folder / name) for name in SOURCE_RECORDINGS], load_catalog())
    path = DATA_DIR / KNOWLEDGE_FILE
    if args.check:
        difference = largest_difference(knowledge, path)
        print(f"trained {knowledge.version}, shipped {load_knowledge(path).version}, largest difference {difference:g}")
        return 0 if difference <= _TOLERANCE else 1
    save_knowledge(knowledge, path)
    print(
        f"{len(knowledge.sources)} recordings, {len(knowledge.benchmarks) - N_SKILLS} boards, {len(knowledge.scales)} "
        f"benchmarks, {len(knowledge.posterior_row)} models; version {knowledge.version}, {path.stat().st_size:,} bytes"
    )
    return 0


def train(recordings: Sequence[Recording], catalog: Catalog) -> Knowledge:
    """Everything that the public source of quality rests on.

    Raises:
        RecordingError: prompts were read by different versions.
    """
    versions = {recording.feature_fingerprint for recording in recordings}
    if len(versions) > 1:
        raise RecordingError(f"Recordings have features of {sorted(versions)}; build them again with one version.")
    cards = {card.model_id: card for card in catalog.models}
    scales = fit_scales(catalog.models)
    evidence = [read_card(card, scales) for card in catalog.models]
    bare = Knowledge(
        scales=scales,
        benchmarks=(),
        sources=tuple(summarise(recording, cards) for recording in recordings),
        posterior_row={},
        posterior=Posterior(*(np.zeros(0) for _ in Posterior._fields)),
        version="",
    )
    facts = describe_cards(catalog.models, bare)
    benchmarks = (*catalog_observations(catalog.models, facts, evidence), *board_observations(cards))
    known = replace(bare, benchmarks=benchmarks)
    digests = [card_digest(own, told.value) for own, told in zip(facts, evidence, strict=True)]
    trained = replace(
        known,
        posterior_row={digest: row for row, digest in enumerate(digests)},
        posterior=compute_posterior(known, facts, evidence),
    )
    return replace(trained, version=fingerprint_of(trained))


def catalog_observations(
    cards: Sequence[ModelCard], facts: Sequence[ModelFacts], evidence: Sequence[CardEvidence]
) -> list[Observed]:
    """What the catalog's benchmarks say of its models, one block a skill."""
    blocks = []
    for skill in range(N_SKILLS):
        rows = [
            row
            for row, (card, own) in enumerate(zip(cards, evidence, strict=True))
            if own.n_scores >= MIN_SCORES and np.isfinite(own.value[skill]) and card.role != "guard"
            if card.variant_of is None
        ]
        blocks.append(
            Observed(
                source=f"catalog/{skill}",
                models=[facts[row] for row in rows],
                skills=np.eye(N_SKILLS)[skill],
                value=np.array([evidence[row].value[skill] for row in rows]),
                variance=np.array([max(evidence[row].variance[skill], MIN_EVIDENCE_VAR) for row in rows]),
                is_benchmark=True,
            )
        )
    return blocks


def summarise(recording: Recording, cards: Mapping[str, ModelCard]) -> Source:
    """The sums of one recording's fit side."""
    rows = np.flatnonzero(recording.is_fit)
    scores, tokens = recording.scores[rows], recording.output_tokens[rows]
    seen = np.isfinite(scores)
    n_seen = seen.sum(axis=0)
    mean = (np.where(seen, scores, 0.0).sum(axis=0) + 0.5) / (n_seen + 1.0)
    models = describe_recording(recording, cards)
    language = recording.languages[0] if recording.languages else "en"
    skills = _skill_shares(recording.prompts["task"].to_numpy()[rows])
    columns = read_columns([recording.profiles[row] for row in rows])
    design = length_design(columns)
    centred = design - design.mean(axis=0)
    longer = np.nan_to_num(_relative(np.log(np.where(tokens > 0, tokens, np.nan))))
    log_length = _log_mean(tokens)
    known = np.flatnonzero(np.isfinite(log_length))
    difficulty = columns.difficulty
    failing = _failing(scores)
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, N_SKETCH).astype(int))]
    return Source(
        abilities=Observed(
            source=recording.name,
            models=models,
            skills=skills,
            language=language,
            value=np.log(mean / (1.0 - mean)),
            variance=1.0 / (np.maximum(n_seen, 1) * mean * (1.0 - mean)),
        ),
        lengths=Observed(
            source=f"{recording.name}/lengths",
            models=[models[row] for row in known],
            skills=skills,
            language=language,
            value=log_length[known],
            variance=np.full(len(known), LENGTH_VAR),
        )
        if len(known)
        else None,
        length_moments=centred.T @ centred / len(rows),
        length_slopes=(longer - longer.mean()) @ centred / len(rows),
        centre=design.mean(axis=0),
        difficulty=np.array([difficulty.mean(), difficulty.var(), np.cov(difficulty, failing, bias=True)[0, 1]]),
        sketch=np.round(127 * unit_rows(recording.features[chosen, :N_EMBEDDING])).astype(np.int8),
    )


def describe_recording(recording: Recording, cards: Mapping[str, ModelCard]) -> list[ModelFacts]:
    """The recording's models by the ids, names and sizes that it states, and by the catalog."""
    models = recording.models
    ids = [name if isinstance(name, str) else None for name in models["model_id"]]
    sizes = [None if np.isnan(size) else float(size) for size in models["params_total_b"].to_numpy(float)]
    return describe_models(list(models.index), ids, sizes, cards)


def largest_difference(knowledge: Knowledge, path: Path) -> float:
    """The largest difference to a file, relative for figures above 1; infinite when names or shapes differ."""
    with TemporaryDirectory() as folder:
        ours_path = Path(folder) / path.name
        save_knowledge(knowledge, ours_path)
        ours, theirs = load_file(ours_path), load_file(path)
    if {name: value.shape for name, value in ours.items()} != {name: value.shape for name, value in theirs.items()}:
        return float("inf")
    apart = [
        np.abs(value.astype(float) - theirs[name]) / np.maximum(np.abs(value), 1.0) for name, value in ours.items()
    ]
    return max(float(part.max(initial=0.0)) for part in apart)


def save_knowledge(knowledge: Knowledge, path: Path) -> None:
    """Writes one file of figures and names."""
    blocks = _blocks(knowledge)
    facts = {json.dumps(asdict(model)): model for block in blocks for model in block.models}
    row = {text: at for at, text in enumerate(facts)}
    about = {
        "scales": {name: list(scale) for name, scale in knowledge.scales.items()},
        "facts": [json.loads(text) for text in facts],
        "blocks": [
            {
                "source": block.source,
                "models": [row[json.dumps(asdict(model))] for model in block.models],
                "skills": block.skills.tolist(),
                "language": block.language,
                "is_benchmark": block.is_benchmark,
            }
            for block in blocks
        ],
        "n_benchmarks": len(knowledge.benchmarks),
        "has_lengths": [source.lengths is not None for source in knowledge.sources],
        "posterior_row": knowledge.posterior_row,
        "version": knowledge.version,
    }
    save_file(_tensors(knowledge), path, metadata={"about": json.dumps(about, sort_keys=True)})


def fingerprint_of(knowledge: Knowledge) -> str:
    """16 hex digits of the figures, rounded to what another processor gives too."""
    digest = hashlib.sha256()
    for name, array in sorted(_tensors(knowledge).items()):
        digest.update(name.encode() + np.round(array.astype(float), 3).tobytes())
    return digest.hexdigest()[:16]


def _blocks(knowledge: Knowledge) -> list[Observed]:
    own = [block for source in knowledge.sources for block in (source.abilities, source.lengths) if block is not None]
    return [*knowledge.benchmarks, *own]


def _tensors(knowledge: Knowledge) -> dict[str, np.ndarray]:
    blocks = _blocks(knowledge)
    tensors = {
        "value": np.concatenate([block.value for block in blocks]),
        "variance": np.concatenate([block.variance for block in blocks]),
        **{f"posterior.{name}": array for name, array in knowledge.posterior._asdict().items()},
    }
    for source in knowledge.sources:
        tensors |= {f"{source.name}.{name}": getattr(source, name) for name in SOURCE_ARRAYS}
    return {
        name: np.ascontiguousarray(array, dtype=np.int8 if name.endswith(".sketch") else np.float32)
        for name, array in tensors.items()
    }


def _skill_shares(tasks: np.ndarray) -> np.ndarray:
    known = set(Task)
    codes = [SKILL_OF_TASK[Task(task)] if task in known else SKILL_OF_TASK[Task.CHAT] for task in tasks]
    return np.asarray(np.bincount(codes, minlength=N_SKILLS) / max(len(codes), 1))


def _failing(scores: np.ndarray) -> np.ndarray:
    """(n,) logit of the share of the pool that fails."""
    seen = np.isfinite(scores)
    right, total = np.where(seen, scores, 0.0).sum(axis=1), seen.sum(axis=1)
    return np.asarray(np.log((total - right + 0.5) / (right + 0.5)))


def _relative(logs: np.ndarray) -> np.ndarray:
    """(n,) how much longer than usual the pool's answers are, in logs; NaN where none was counted."""
    seen = np.isfinite(logs)
    usual = np.where(seen, logs, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    apart = np.where(seen, logs - usual, 0.0).sum(axis=1)
    return np.where(seen.any(axis=1), apart / np.maximum(seen.sum(axis=1), 1), np.nan)


def _log_mean(tokens: np.ndarray) -> np.ndarray:
    seen = np.isfinite(tokens) & (tokens > 0)
    mean = np.where(seen, tokens, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(mean > 0, np.log(np.maximum(mean, 1e-9)), np.nan)
