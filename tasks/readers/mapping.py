"""Rows of a source as records: which column feeds which field, and what a row must have to be one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import record
from tasks.core.errors import RecipeError, choices
from tasks.core.source import MAPPABLE
from tasks.readers import extra, values
from tasks.readers.block import Block, Defect, Values
from tasks.readers.stream import not_encodable
from tasks.readers.values import Wrong

# The text of a source that has no column `text` and no messages, where it has just one of these.
_TEXT_NAMES: Final = ("content", "body", "instruction", "question", "prompt", "sentence")
# A source with all of these was written by Tilth: its bookkeeping is made new, its `extra` goes on.
_OWN: Final = frozenset({"id", "kind", "text", "seed_ids", "method", "stage", "extra"})
_BOOKKEEPING: Final = frozenset(record.SCHEMA.names) - set(MAPPABLE)
# With more keys than this a block of rows is mostly gaps, and is written row by row.
_DENSE_KEYS: Final = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """`fields`: record column to source column. `extra`: source column to its name in `extra`, where it has another."""

    fields: Mapping[str, str]
    extra: Mapping[str, str]
    own: bool = False

    def extra_names(self, names: Sequence[str]) -> dict[str, str]:
        """Return the columns of a source that go into `extra`, each with the name that it has there."""
        used = set(self.fields.values())
        if self.own:
            used |= _BOOKKEEPING
        return {name: self.extra.get(name, name) for name in names if name not in used}


def plan(mapped: Mapping[str, str], names: Sequence[str], file: str) -> Plan:
    """Return how the columns `names` of a file become records; RecipeError where that is not clear."""
    for column in mapped.values():
        if column not in names:
            raise RecipeError(f"no column '{column}' in {file}{choices(column, names)}")
    fields = {name: column for name, column in mapped.items() if name in MAPPABLE}
    renamed = {column: name for name, column in mapped.items() if name not in MAPPABLE}
    taken = {*fields.values(), *renamed}
    for name in MAPPABLE:
        if name not in fields and name in names and name not in taken:
            fields[name] = name
    if "messages" not in fields and "conversations" in names and "conversations" not in taken:
        fields["messages"] = "conversations"
    if "text" not in fields and "messages" not in fields:
        fields |= _default_text([name for name in _TEXT_NAMES if name in names and name not in taken], names, file)
    result = Plan(fields, renamed, own=not mapped and set(names) >= _OWN)
    _check_names(result.extra_names(names), file)
    return result


def _default_text(found: Sequence[str], names: Sequence[str], file: str) -> dict[str, str]:
    if len(found) > 1:
        raise RecipeError(
            f"which column of {file} is the text: {' or '.join(found)}? map it, as in `columns: {{text: {found[0]}}}`; "
            f"have: {', '.join(names)}"
        )
    return {"text": found[0]} if found else {}


def _check_names(extra_names: Mapping[str, str], file: str) -> None:
    seen: dict[str, str] = {}
    for column, name in extra_names.items():
        if name in seen:
            raise RecipeError(f"columns '{seen[name]}' and '{column}' of {file} would both be '{name}'")
        seen[name] = column


@dataclass(frozen=True, slots=True)
class Converted:
    """Record columns of the good rows, their places, the defects of the others, and the names in `extra`."""

    part: pa.RecordBatch
    places: npt.NDArray[np.int64]
    defects: tuple[Defect, ...]
    extra_names: tuple[str, ...]


def nothing(block: Block) -> Converted:
    """Return a block that has defects only: which columns its file has is not known yet."""
    part = {name: pa.nulls(0, record.SCHEMA.field(name).type) for name in (*MAPPABLE, "extra", "kind")}
    return Converted(record.columns(**part), block.places, block.defects, ())


def convert(block: Block, how: Plan) -> Converted:
    """Return the rows of a block as record columns; a row that cannot be one becomes a defect."""
    columns, wrong = _fields(block, how)
    have = block.names
    names = how.extra_names(have)
    try:
        columns["extra"], bad = _extra(block, how, names)
    except (UnicodeEncodeError, RecursionError):
        wrong = _unwritable(block) | wrong
        if not wrong:
            raise
        left = convert(block.keep(_others(block, wrong)), how)
        return Converted(left.part, left.places, (*left.defects, *_defects(block, wrong)), left.extra_names)
    wrong = _unusable(columns, how) | bad | wrong
    columns["kind"] = _kinds(block, columns, how, have)
    part = record.columns(**columns)
    good = _others(block, wrong)
    if wrong:
        part = part.filter(pa.array(good))
    return Converted(part, block.places[good], (*block.defects, *_defects(block, wrong)), tuple(sorted(names.values())))


def _others(block: Block, wrong: Wrong) -> npt.NDArray[np.bool_]:
    good = np.ones(len(block), dtype=np.bool_)
    good[list(wrong)] = False
    return good


def _fields(block: Block, how: Plan) -> tuple[dict[str, pa.Array], Wrong]:
    columns: dict[str, pa.Array] = {}
    wrong: Wrong = {}
    for name in MAPPABLE:  # text comes first: spans are measured against it
        columns[name] = pa.nulls(len(block), record.SCHEMA.field(name).type)
        if (source := how.fields.get(name)) is None:
            continue
        found = block.column(source)
        if name == "messages":
            columns[name], bad = values.messages(found)
        elif name == "spans":
            columns[name], bad = values.spans(found, columns["text"])
        else:
            columns[name], bad = values.strings(found, name)
        wrong = {row: (slug, f"column '{source}': {detail}") for row, (slug, detail) in bad.items()} | wrong
    return columns, wrong


def _extra(block: Block, how: Plan, names: Mapping[str, str]) -> tuple[pa.Array, Wrong]:
    if how.own:
        return values.objects(block.column("extra"))
    if not isinstance(block.rows, pa.RecordBatch) and len(names) > _DENSE_KEYS:
        return extra.extra_of_rows(block.rows, names), {}
    return extra.extra_of({names[column]: block.column(column) for column in names}, len(block)), {}


def _unwritable(block: Block) -> Wrong:
    """Return the rows that are no UTF-8 text, or nested deeper than JSON is written."""
    wrong: Wrong = {}
    for index in range(len(block)):
        try:
            detail = not_encodable(extra.json_text(dict(block.row(index))) or "")
        except RecursionError:
            wrong[index] = ("malformed_json", "nested too deep")
            continue
        if detail is not None:
            wrong[index] = ("invalid_utf8", detail)
    return wrong


def _unusable(columns: Mapping[str, pa.Array], how: Plan) -> Wrong:
    """Return the rows with nothing to make a record of, and those with NUL in a text that would be trained on.

    A source with texts has empty rows where text, messages and extra are all missing, whatever the label says.
    """
    wrong: Wrong = {}
    for name in ("text", "target"):
        if name in how.fields:
            nul = pc.fill_null(pc.match_substring(columns[name], "\x00"), False)
            wrong |= dict.fromkeys(_where(nul), ("nul_byte", f"column '{how.fields[name]}': a NUL byte"))
    texts = "text" in how.fields or "messages" in how.fields
    counted = ("messages", "extra") if texts else ("target", "label", "spans", "extra")
    empty = _blank(columns["text"])
    for name in counted:
        empty = pc.and_(empty, pc.is_null(columns[name]))
    detail = (
        f"no text: column '{how.fields.get('text', how.fields.get('messages'))}' is empty" if texts else "no values"
    )
    return dict.fromkeys(_where(empty), ("no_text", detail)) | wrong


def _blank(text: pa.Array) -> pa.Array:
    nothing = pc.or_(pc.equal(text, ""), pc.utf8_is_space(text))
    return pc.fill_null(nothing, True)


def _where(mask: pa.Array) -> list[int]:
    if not pc.any(mask).as_py():
        return []
    return [int(row) for row in np.flatnonzero(mask.to_numpy(zero_copy_only=False))]


def _kinds(block: Block, columns: Mapping[str, pa.Array], how: Plan, names: Sequence[str]) -> pa.Array:
    """Return the kind of each row: its own where Tilth wrote the source, else what it has."""
    kinds = record.constant("text", len(block))
    kinds = pc.if_else(pc.and_(_there(columns["text"]), _there(columns["target"])), "pair", kinds)
    if "chosen" in names and "rejected" in names:
        both = pc.and_(_there(block.column("chosen")), _there(block.column("rejected")))
        kinds = pc.if_else(both, "preference", kinds)
    kinds = pc.if_else(_there(columns["messages"]), "chat", kinds)
    if how.own:
        own, _wrong = values.strings(block.column("kind"), "kind")
        kinds = pc.if_else(pc.is_in(own, pa.array(record.KINDS)), own, kinds)
    return kinds


def _there(column: Values) -> pa.Array:
    if isinstance(column, pa.Array):
        return pc.is_valid(column)
    return pa.array([value is not None for value in column], pa.bool_())


def _defects(block: Block, wrong: Wrong) -> list[Defect]:
    return [
        Defect(slug, int(block.places[index]), detail, _raw(block.row(index)))
        for index, (slug, detail) in sorted(wrong.items())
    ]


def _raw(row: Mapping[str, Any]) -> str:
    try:
        return extra.json_text(dict(row)) or ""
    except RecursionError:
        return f"nested too deep, under one of: {', '.join(row)}"
