"""Which catalog model a served name stands for. Local servers shorten names, add tags and quantise.

A name is read as words: "llama3.1:8b-instruct-q4_K_M" is llama, 3.1, 8b; and so is "meta-llama/Llama-3.1-8B-Instruct".
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from omni.gateway.listing import ServedModel

SIZE_SLACK = 0.12
"""Share by which two sizes may differ and still be one: "8B" models hold 7.6 to 8.8 billion parameters."""
_WORDS = re.compile(r"\d+x\d+(?:\.\d+)?b|a?\d+(?:\.\d+)?[bm](?![a-z])|\d+(?:\.\d+)*|[a-z]+")
_SIZE = re.compile(r"(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])")
_QUANTISED = re.compile(
    r"[-_.:](?:(?:i?q|iq)\d+(?:[_-](?:k|[a-z]{1,3}|\d))*|(?:ud-)?q\d\w*|bf16|fp16|f16|f32|fp8|fp4|nvfp4|mxfp4|int[48]|[48]bits?|w\d+a\d+|"
    r"awq|gptq|gguf|ggml|exl2|mlx|bnb|imatrix|dynamic|latest)(?=[-_.:]|$)"
)
_FILLERS = frozenset({"instruct", "it", "chat", "hf", "gguf", "latest", "meta"})
"""Words that local names leave out or add without meaning another model."""
_OTHER_MODELS = frozenset(
    {
        *("coder", "code", "vl", "vision", "omni", "math", "guard", "safeguard", "translate", "base"),
        *("embed", "embedding", "rerank", "thinking", "think", "reasoning", "reasoner"),
    }
)
"""Words that make another model of the same family and size: both names have them, or neither."""


class How(StrEnum):
    """How a served name was taken for a model of the catalog."""

    EXACT = "exact"
    """It is the model's id, whatever the case, with or without the owner."""
    NAME = "name"
    """The same name but for tags, quantisation and the like."""
    SIZE = "size"
    """Another name of the same family and size: the nearest model that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A served name and the catalog model that it is taken for."""

    served_name: str
    how: How


@dataclass(frozen=True, slots=True)
class _Known:
    """A catalog id read as words."""

    model_id: str
    words: frozenset[str]
    size: "_Size"


@dataclass(frozen=True, slots=True)
class _Size:
    """Billions of parameters; None = not known."""

    stated_b: float | None
    """As the name has it, rounded: two names of one size state the same."""
    counted_b: float | None = None

    def may_be(self, other: "_Size") -> bool:
        """Whether nothing speaks against one size."""
        if self.stated_b is not None and other.stated_b is not None:
            return self.stated_b == other.stated_b
        one, two = self.counted_b or self.stated_b, other.counted_b or other.stated_b
        return one is None or two is None or abs(math.log(one / two)) <= SIZE_SLACK

    @property
    def is_known(self) -> bool:
        return self.stated_b is not None or self.counted_b is not None


def match_served(
    served: Iterable[ServedModel], catalog_ids: Collection[str], sizes_b: Mapping[str, float] | None = None
) -> dict[str, Match]:
    """Catalog id -> what is served as it; better matches first, and of equals the name listed first.

    Args:
        sizes_b: Billions of parameters by catalog id, for ids that do not say it themselves.
    """
    sizes_b = sizes_b or {}
    exact = {model_id.casefold(): model_id for model_id in catalog_ids}
    by_repo: dict[str, list[str]] = {}
    for model_id in sorted(catalog_ids):
        by_repo.setdefault(_repo_part(model_id), []).append(model_id)
    known = [_read_known(model_id, sizes_b.get(model_id)) for model_id in sorted(catalog_ids)]
    matches: dict[str, Match] = {}
    for model in served:
        same_repo = by_repo.get(_repo_part(model.name), [])
        if model.name.casefold() in exact:
            found, how = exact[model.name.casefold()], How.EXACT
        elif len(same_repo) == 1:
            found, how = same_repo[0], How.EXACT
        elif not same_repo and (nearest := _nearest(model, known)) is not None:
            found, how = nearest
        else:
            continue
        other = matches.get(found)
        if other is None or _is_better(found, model.name, how, other):
            matches[found] = Match(served_name=model.name, how=how)
    return matches


def match_names(names: Iterable[str], catalog_ids: Collection[str]) -> dict[str, str]:
    """Catalog id -> served name, for names alone; see `match_served`."""
    matches = match_served([ServedModel(name=name) for name in names], catalog_ids)
    return {model_id: match.served_name for model_id, match in matches.items()}


def _is_better(model_id: str, name: str, how: How, other: Match) -> bool:
    rank = list(How).index
    if rank(how) != rank(other.how):
        return rank(how) < rank(other.how)
    whole = model_id.casefold()
    return how is How.EXACT and name.casefold() == whole != other.served_name.casefold()


def _nearest(model: ServedModel, known: list[_Known]) -> tuple[str, How] | None:
    """The one model that the name means; None when there is none or more than one is as near."""
    words, stated_b = _read_name(model.name)
    size = _Size(stated_b, model.params_b)
    if not any(word.isalpha() for word in words):
        return None
    same = [entry for entry in known if entry.words == words and size.may_be(entry.size)]
    if same:
        if not all(entry.size.may_be(same[0].size) for entry in same):
            return None
        # one model and its quantised copies: the shortest name is the model's own
        return min((len(entry.model_id), entry.model_id) for entry in same)[1], How.NAME
    if not size.is_known:
        return None
    # the name's words, and more that a short name leaves out: dates, active parameters
    near = [
        (len(entry.words - words), entry.model_id)
        for entry in known
        if words <= entry.words
        and entry.size.is_known
        and size.may_be(entry.size)
        and words & _OTHER_MODELS == entry.words & _OTHER_MODELS
    ]
    fewest = min(near, default=(0, ""))[0]
    best = [model_id for n_more, model_id in near if n_more == fewest]
    return (best[0], How.SIZE) if len(best) == 1 else None


def _read_known(model_id: str, params_b: float | None) -> _Known:
    words, stated_b = _read_name(model_id)
    return _Known(model_id, words, _Size(stated_b, params_b))


def _read_name(name: str) -> tuple[frozenset[str], float | None]:
    """The words of a name without its size, and the size in billions."""
    text = re.sub(r"\.(gguf|ggml|bin|safetensors)$", "", name.rpartition("/")[2].casefold())
    while (shorter := _QUANTISED.sub("", text)) != text:
        text = shorter
    # letters run into numbers in short names: llama3.1 is llama-3.1, phi4 is phi-4
    text = re.sub(r"(?<=[a-z]{3})(?=\d)|(?<=qwq)(?=\d)", "-", text.replace("_", "-"))
    size_b, words = None, set()
    for word in _WORDS.findall(text):
        sized = _SIZE.fullmatch(word)
        if sized is None:
            words.add(word)
        elif size_b is None:
            experts, number, unit = sized.groups()
            size_b = float(number) * (int(experts) if experts else 1) * (0.001 if unit == "m" else 1.0)
    return frozenset(words - _FILLERS), size_b


def _repo_part(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(":latest").casefold()
