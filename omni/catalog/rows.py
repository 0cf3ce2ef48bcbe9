"""The rows of the files in data/catalog, checked once as they are read; messages name file, row and column."""

import csv
import difflib
import re
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Generic, Literal, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from omni.errors import CatalogError

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CATEGORIES = (
    *("agentic", "code", "creative_writing", "factuality", "hard_prompts", "instruction_following", "knowledge"),
    *("long_context", "math", "multi_turn", "overall", "reasoning", "safety", "summarization", "translation", "vision"),
)


@lru_cache(maxsize=4096)
def _to_day(cell: str) -> date:
    if _ISO_DAY.fullmatch(cell):
        try:
            return date.fromisoformat(cell)
        except ValueError:
            pass
    raise ValueError("expected a day as YYYY-MM-DD")


def _to_model_id(cell: str) -> str:
    if not re.fullmatch(r"[^/\s]+/[^/\s]+", cell):
        raise ValueError("expected a Hugging Face repository id, owner/name")
    return cell


def _to_category(cell: str) -> str:
    if cell not in _CATEGORIES and not re.fullmatch(r"multilingual:[a-z-]+", cell):
        raise ValueError(f"expected {', '.join(_CATEGORIES)} or multilingual: with a language code")
    return cell


def _to_modalities(cell: str) -> list[str]:
    return cell.split("|")


Day = Annotated[date, BeforeValidator(_to_day)]
Positive = Annotated[FiniteFloat, Field(gt=0)]
Tokens = Annotated[int, Field(gt=0)]
Modality = Literal["text", "image", "audio", "video", "pdf"]


class Row(BaseModel):
    """One line of a file; an empty cell is an absent value."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, protected_namespaces=())


class ModelRow(Row):
    """models.csv; `variant_of` names the model this one is a quantised or converted copy of."""

    model_id: Annotated[str, BeforeValidator(_to_model_id)]
    role: Literal["chat", "code", "vision", "translate", "guard"]
    owner: str | None = None
    display_name: str | None = None
    family: str | None = None
    variant_of: str | None = None
    in_huggingchat: bool = False
    release_date: Day | None = None
    release_date_source: str | None = None
    params_total_b: Positive | None = None
    params_active_b: Positive | None = None
    params_source: str | None = None
    context_tokens: Tokens | None = None
    context_source: str | None = None
    max_output_tokens: Tokens | None = None
    input_modalities: Annotated[frozenset[Modality], BeforeValidator(_to_modalities)] = frozenset()
    input_modalities_source: str | None = None
    supports_tools: bool | None = None
    structured_output: bool | None = None
    limits_source: str | None = None
    supports_reasoning: bool | None = None
    reasoning_source: str | None = None
    license: str | None = None
    license_source: str | None = None
    price_in_usd_per_mtok: Positive | None = None
    price_out_usd_per_mtok: Positive | None = None
    price_source: str | None = None
    price_as_of: Day | None = None


class PriceRow(Row):
    """prices.csv; a provider without a price, or with a price of 0, has no row."""

    model_id: str
    provider: str
    provider_model_id: str
    price_in_usd_per_mtok: Positive
    price_out_usd_per_mtok: Positive
    context_tokens: Tokens | None = None
    as_of: Day
    source: str


class SpeedRow(Row):
    """speed.csv; provider "median" is a published median over providers, `variant` the source's name of the setting."""

    model_id: str
    provider: str
    variant: str = ""
    output_tokens_per_s: Positive | None = None
    time_to_first_token_s: Positive | None = None
    n_days: Tokens | None = None
    as_of: Day
    source: str


class BenchmarkRow(Row):
    """benchmark_index.csv."""

    benchmark: str
    category: Annotated[str, BeforeValidator(_to_category)]
    unit: str
    higher_is_better: bool


class ScoreRow(Row):
    """benchmarks.csv; low, high and votes are the 95 % interval and sample where the source gives them."""

    model_id: str
    benchmark: str
    variant: str = ""
    score: FiniteFloat
    score_low: FiniteFloat | None = None
    score_high: FiniteFloat | None = None
    n_votes: Tokens | None = None
    as_of: Day | None = None
    source_id: str


class SourceRow(Row):
    """sources.csv; `date_note` is what a source says of its date when it gives no day."""

    source_id: str
    repository: str
    commit: str | None = None
    path: str
    reported_at: str | None = None
    date_note: str | None = None

    @property
    def citation(self) -> str:
        """Repository, commit and path, then where that file got the figure from and how it is dated."""
        place = f"{self.repository}{f'@{self.commit[:7]}' if self.commit else ''}:{self.path}"
        notes = [f"reported at {self.reported_at}" if self.reported_at else "", self.date_note or ""]
        return ", ".join(part for part in (place, *notes) if part)


RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[RowT]):
    """The checked rows of one file, and where each stands in it."""

    file_name: str
    rows: tuple[RowT, ...]
    row_numbers: tuple[int, ...]
    """As in the file: the header is row 1."""

    def refuse(self, index: int, column: str, value: object, expected: str) -> NoReturn:
        """Raises the CatalogError for one cell."""
        raise cell_error(self.file_name, self.row_numbers[index], column, value, expected)

    def check_unique(self, columns: tuple[str, ...]) -> None:
        """Raises a CatalogError when two rows agree in all these columns."""
        seen: dict[Hashable, int] = {}
        for index, key in enumerate(map(attrgetter(*columns), self.rows)):
            first = seen.setdefault(key, index)
            if first != index:
                expected = f"one row each, and row {self.row_numbers[first]} has the same"
                self.refuse(index, ", ".join(columns), key, expected)

    def check_known(self, column: str, known: Collection[str], where: str) -> None:
        """Raises a CatalogError when a cell names something that `where` does not list."""
        for index, row in enumerate(self.rows):
            value = getattr(row, column)
            if value is not None and value not in known:
                self.refuse(index, column, value, f"a {column} listed in {where}{near_names(value, known)}")


def cell_error(file_name: str, row_number: int, column: str, value: object, expected: str) -> CatalogError:
    """The error for one cell: where it is, what it holds and what was expected."""
    place = f"{file_name} row {row_number}, column {column}"
    return CatalogError(
        f"{place}: found {value!r}, expected {expected}. Correct the cell; an unknown figure is left out, never 0."
    )


def near_names(value: str, known: Collection[str]) -> str:
    """A bracket such as " (near: a, b)" with up to three known names like this one, empty when there is none."""
    by_lower = {name.lower(): name for name in known}
    near = [by_lower[name] for name in difflib.get_close_matches(value.lower(), by_lower, n=3, cutoff=0.6)]
    return f" (near: {', '.join(near)})" if near else ""


def read_table(folder: Path, file_name: str, row_type: type[RowT]) -> Table[RowT]:
    """The file's rows as `row_type`, in file order.

    Raises:
        CatalogError: the file is missing, not UTF-8, has other columns or a cell of the wrong kind.
    """
    lines = _read_lines(folder / file_name)
    header, body = lines[0][1], lines[1:]
    _check_header(file_name, header, row_type)
    for number, cells in body:
        if len(cells) != len(header):
            raise CatalogError(
                f"{file_name} row {number}: {len(cells)} cells, expected {len(header)} as in the header. "
                "Put text with a comma between double quotes."
            )
    filled = [{column: cell for column, cell in zip(header, cells, strict=True) if cell.strip()} for _, cells in body]
    try:
        rows = TypeAdapter(list[row_type]).validate_python(filled)  # type: ignore[valid-type]
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise _to_catalog_error(file_name, [number for number, _ in body], found) from error
    return Table(file_name=file_name, rows=tuple(rows), row_numbers=tuple(number for number, _ in body))


def _read_lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [(number, cells) for number, cells in enumerate(csv.reader(file), start=1) if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{path} cannot be read: {error}. Expected comma-separated values in UTF-8.") from error
    if not lines:
        raise CatalogError(f"{path} is empty; expected a header and rows. Restore it from the repository.")
    return lines


def _check_header(file_name: str, header: Sequence[str], row_type: type[Row]) -> None:
    fields = row_type.model_fields
    missing = [name for name, field in fields.items() if field.is_required() and name not in header]
    unknown = [name for name in header if name not in fields]
    if missing or unknown or len(set(header)) != len(header):
        raise CatalogError(
            f"{file_name} row 1: missing columns {missing!r}, unknown columns {unknown!r}; "
            f"expected each once, of: {', '.join(fields)}."
        )


def _to_catalog_error(file_name: str, numbers: Sequence[int], found: Sequence[ErrorDetails]) -> CatalogError:
    first = found[0]
    index, column = int(first["loc"][0]), str(first["loc"][1])
    value = None if first["type"] == "missing" else first["input"]
    message = "a value" if first["type"] == "missing" else _expected(first["msg"])
    more = f" ({len(found) - 1} more cells are wrong)" if len(found) > 1 else ""
    return cell_error(file_name, numbers[index], column, value, message + more)


def _expected(message: str) -> str:
    for prefix in ("Value error, expected ", "Input should be "):
        message = message.removeprefix(prefix)
    return message.split(", unable to")[0]
