"""The operator's policy: rows of `data/policy.yml` and what they ask for on one prompt."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omni.errors import InputError
from omni.types import AppliedRule, PromptProfile, Safety, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What all rules that fit a prompt ask for together."""

    refusal: str | None = None
    """The sentence instead of an answer; None = somebody may answer."""
    objection: str | None = None
    """A guard model is asked first, and this is said when it objects; None = no guard is asked."""
    excludes_uncensored: bool = False
    prefer_safe: float = 0.0
    """Quality (0..1) by which the best safety score is preferred."""
    licences_denied: tuple[str, ...] = ()
    models_denied: tuple[str, ...] = ()
    """Globs over model ids."""
    is_local_only: bool = False
    applied: tuple[AppliedRule, ...] = ()


NO_RULING = Ruling()


class _When(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    safety: tuple[Safety, ...] = ()
    task: tuple[Task, ...] = ()
    privacy: tuple[str, ...] = ()

    def fits(self, safety: Safety, task: Task, kinds: Sequence[str]) -> bool:
        is_private = not self.privacy or any(kind in self.privacy for kind in kinds)
        return (not self.safety or safety in self.safety) and (not self.task or task in self.task) and is_private


class _Do(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    exclude_uncensored: bool = False
    prefer_safe: float = Field(default=0.0, ge=0.0, le=1.0)
    exclude_licences: tuple[str, ...] = ()
    exclude_models: tuple[str, ...] = ()
    local_only: bool = False
    ask_guard: str | None = Field(default=None, min_length=1)
    refuse: str | None = Field(default=None, min_length=1)


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1)
    when: _When = _When()
    do: _Do
    say: str = Field(min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    rules: tuple[_Row, ...]


class RuleBook:
    """All rows in order; immutable, may be shared between threads."""

    def __init__(self, rows: Sequence[_Row] = ()) -> None:
        self._rows = tuple(rows)
        self._ruling = lru_cache(maxsize=1024)(self._rule)
        self.version = hashlib.sha256(repr(self._rows).encode()).hexdigest()[:8]
        """Changes with any row."""

    def ruling(self, profile: PromptProfile) -> Ruling:
        """What the rules that fit ask for on this prompt."""
        return self._ruling(profile.safety, profile.main_task, profile.privacy_kinds)

    def _rule(self, safety: Safety, task: Task, kinds: tuple[str, ...]) -> Ruling:
        rows = [row for row in self._rows if row.when.fits(safety, task, kinds)]
        return Ruling(
            refusal=next((row.do.refuse for row in rows if row.do.refuse), None),
            objection=next((row.do.ask_guard for row in rows if row.do.ask_guard), None),
            excludes_uncensored=any(row.do.exclude_uncensored for row in rows),
            prefer_safe=max((row.do.prefer_safe for row in rows), default=0.0),
            licences_denied=tuple(licence for row in rows for licence in row.do.exclude_licences),
            models_denied=tuple(glob for row in rows for glob in row.do.exclude_models),
            is_local_only=any(row.do.local_only for row in rows),
            applied=tuple(AppliedRule(name=row.name, sentence=row.say) for row in rows),
        )


NO_RULES = RuleBook()


def load_rules(*paths: Path) -> RuleBook:
    """The rows of the files, one after the other.

    Raises:
        InputError: a file cannot be read, a row has a key or value that is not known, or two rows have one name.
    """
    rows: list[_Row] = []
    for path in paths:
        try:
            rows += _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).rules
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(
                f"The policy {str(path)!r} is wrong at {where}: {first['msg']}. Its head names the form."
            ) from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(
                f"The policy {str(path)!r} cannot be read ({error}); expected YAML with `rules`."
            ) from None
    names = [row.name for row in rows]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Two policy rules are called {twice!r}. Give one another name.")
    return RuleBook(rows)
