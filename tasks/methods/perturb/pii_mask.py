r"""Find private values in texts, chats, targets and extra fields, and mask them or put others in their place.

Source: Dernoncourt et al. 2017, De-identification of patient notes with recurrent neural networks (https://arxiv.org/abs/1606.03475)

    operator: placeholder                       # [PERSON_NAME]
    operators: {PERSON_NAME: pseudonym, CREDIT_CARD: format}
    patterns: {PROJECT_CODE: 'PX-\d{4}'}

Found are secrets, IBANs, cards, US social security and other national numbers, e-mails, IP and MAC addresses, URLs,
dates of birth and phones, by patterns and check digits; addresses, people, organisations and places, by patterns
and by a name finder (`ner`): a small one that is trained on first use (a minute or two, then kept), or a spaCy pipeline
of yours. A value that is found once is masked wherever else it stands in its record. Operators:

    placeholder  [TYPE]                    numbered   [TYPE_1], the same number for the same value of a record
    redact       a bar of fixed length     hash       [TYPE:16 hex digits], keyed
    surrogate    another value of the type, drawn anew for each record
    pseudonym    another value of the type, the same one in the whole dataset, keyed (HMAC-SHA256)
    format       other digits and letters in the same places, drawn anew; cards, IBANs and dates stay valid ones

The key of `pseudonym` and `hash` is read from TILTH_PSEUDONYM_KEY or `key_file` and kept nowhere; `key_id` keeps four
bytes that tell keys apart, so that another key makes other records. `spans` of the result are the values masked and the
seed's own spans that no mask touched. `extra` says where in the seed they were, as {found: [{start, end, type}]} (also
`found_target` and, with the turn, `found_messages`), without the values. A row in which a value of its own is left, in
whatever form, is rejected as `leaks_pii`, its words with it; one in whose text, target and
messages there is nothing to mask as `unchanged`.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator, model_validator

from tasks.core import record
from tasks.core.errors import RecipeError, choices
from tasks.core.method import Draw, Made, Method, MethodParams
from tasks.methods.perturb import _pii_ner as ner
from tasks.methods.perturb._pii_again import leaks
from tasks.methods.perturb._pii_find import Wanted, counted, expression, find
from tasks.methods.perturb._pii_key import check_value, read_key
from tasks.methods.perturb._pii_pieces import COLUMNS, Pieces, pieces_of, spans_array, spans_of, values_of
from tasks.methods.perturb._pii_scan import Hit
from tasks.methods.perturb._pii_types import ALIASES, DEFAULT_TYPES, TYPES
from tasks.methods.perturb._pii_write import KEYED, OPERATORS, Moved, Writer, rewrite

_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")


class Params(MethodParams):
    """What to find, and what to put in its place."""

    ner: str = Field(
        "embedded",
        min_length=1,
        description="what finds names: embedded (trained on first use), none, a spaCy pipeline (package or path)",
    )
    types: tuple[str, ...] = Field(DEFAULT_TYPES, min_length=1, description=f"types to find, of {', '.join(TYPES)}")
    operator: str = Field("placeholder", description=f"what happens to a value: {', '.join(OPERATORS)}")
    operators: dict[str, str] = Field(default_factory=dict, description="type -> operator, where it is not `operator`")
    columns: tuple[str, ...] = Field(COLUMNS, min_length=1, description=f"what to read, of {', '.join(COLUMNS)}")
    use_spans: bool = Field(True, description="whether the seed's own spans of the types to find are values too")
    span_types: tuple[str, ...] = Field((), description="further types of the seed's spans that are values: ORDER_ID")
    terms: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="type -> words or phrases of yours, found as whole words; kept with the recipe",
    )
    patterns: dict[str, str] = Field(default_factory=dict, description="type -> regular expression (Python's) of yours")
    ignore_case: bool = Field(True, description="whether terms are found in capitals and small letters alike")
    locale: str = Field("en_US", description="Faker locale of surrogates and pseudonyms")
    key_file: str | None = Field(
        None, description="file of the secret key, 16 bytes or more; default: the environment's TILTH_PSEUDONYM_KEY"
    )
    key_id: str = Field("", description="filled in: what tells the key from another (8 hex digits), not the key")
    keep_clean: bool = Field(False, description="whether rows without any value are kept as they are, not rejected")

    @field_validator("types", "columns")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        have = TYPES if info.field_name == "types" else COLUMNS
        for name in value:
            if name not in have:
                raise ValueError(f"unknown {str(info.field_name)[:-1]} '{name}'{choices(name, have)}")
        return value

    @field_validator("operator", "operators")
    @classmethod
    def _operators(cls, value: Any) -> Any:
        for name in value.values() if isinstance(value, dict) else [value]:
            if name not in OPERATORS:
                raise ValueError(f"unknown operator '{name}'{choices(name, OPERATORS)}")
        return value

    @field_validator("terms", "patterns", "span_types")
    @classmethod
    def _type_names(cls, value: Any) -> Any:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' cannot name a type: use capitals, digits and single _ between them")
        return value

    @field_validator("terms")
    @classmethod
    def _terms(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, terms in value.items():
            if not terms or not all(term.strip() for term in terms):
                raise ValueError(f"terms of '{name}' are empty, or one of them is")
        return value

    @field_validator("patterns")
    @classmethod
    def _patterns(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pattern in value.items():
            try:
                empty = re.compile(pattern).match("")
            except re.error as exc:
                raise ValueError(f"pattern of '{name}' is no regular expression: {exc}") from exc
            if empty:
                raise ValueError(f"pattern '{pattern}' of '{name}' matches the empty text")
        return value

    @model_validator(mode="before")
    @classmethod
    def _with_key_id(cls, data: Any, info: ValidationInfo) -> Any:
        """Make `key_file` absolute, and fill in `key_id` where the key is there; without it `check` says so."""
        if not isinstance(data, Mapping):
            return data
        data = dict(data)
        if isinstance(path := data.get("key_file"), str):
            data["key_file"] = str((Path((info.context or {}).get("base", ".")) / path).expanduser().absolute())
        if _keyed(data.get("operator", ""), data.get("operators") or {}) and not data.get("key_id"):
            try:
                data["key_id"] = check_value(read_key(data.get("key_file")))
            except RecipeError:
                return data
        return data

    @model_validator(mode="after")
    def _operators_of_types(self) -> Self:
        have = {*TYPES, *self.terms, *self.patterns, *self.span_types}
        for name in self.operators:
            if name not in have:
                raise ValueError(f"operators: unknown type '{name}'{choices(name, have)}")
        return self


def _keyed(operator: Any, operators: Any) -> bool:
    chosen = [operator, *(operators.values() if isinstance(operators, Mapping) else ())]
    return any(isinstance(name, str) and name in KEYED for name in chosen)


def check(params: Params) -> None:
    """Raise RecipeError where the pipeline, the locale or the key is not there."""
    ner.check(params.ner)
    _secret(params)
    names = {params.operator, *params.operators.values()}
    if names & {"surrogate", "pseudonym"}:
        from faker.config import AVAILABLE_LOCALES  # noqa: PLC0415 - heavy

        if params.locale not in AVAILABLE_LOCALES:
            raise RecipeError(f"unknown locale '{params.locale}'{choices(params.locale, AVAILABLE_LOCALES)}")


def _secret(params: Params) -> bytes:
    """Return the key, or nothing where no operator needs it; RecipeError where it is not the one planned with."""
    if not _keyed(params.operator, params.operators):
        return b""
    key = read_key(params.key_file)
    if params.key_id and params.key_id != check_value(key):
        raise RecipeError(
            f"the secret key is not the one with key_id '{params.key_id}' that this recipe was planned with"
        )
    return key


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return one row for each seed, masked; or its reason: bad_spans, leaks_pii or unchanged."""
    batch = (
        seeds if seeds is not None else record.complete(record.columns(text=[]), method="", stage="", shard=0, row=0)
    )
    held = values_of(batch, params.columns)
    pieces, spans = pieces_of(held, params.columns), spans_of(batch)
    hits = find(pieces, spans, _wanted(params))
    row_keys = draw.rng.bytes(16 * batch.num_rows)
    writer = Writer(params.operator, params.operators, params.locale, _secret(params), row_keys)
    moved = rewrite(pieces, hits, writer)
    new_spans, dropped = _spans(pieces, spans, moved)
    _note_found(held["extra"], pieces, hits)
    out = {**{name: batch.column(name).to_pylist() for name in COLUMNS if name not in held}, **held}
    extra = [record.dumps(value) if value else None for value in out["extra"]]
    reasons = _reasons(batch, pieces, hits, {**out, "extra": extra}, spans.bad, keep_clean=params.keep_clean)
    hidden = np.array([reason == "leaks_pii" for reason in reasons], bool)
    marked = np.zeros(batch.num_rows, bool)
    marked[[span[0] for span in new_spans]] = True
    marked |= batch.column("spans").is_valid().to_numpy(zero_copy_only=False) & ~spans.bad
    columns = {
        "text": _without(out["text"], hidden),
        "target": _without(out["target"], hidden),
        "messages": _without(out["messages"], hidden),
        "spans": spans_array(batch.num_rows, [span for span in new_spans if not hidden[span[0]]], marked & ~hidden),
        "extra": _without(extra, hidden),
    }
    if any(reasons):
        columns["reason"] = pa.array(reasons, pa.string())
    stats = {f"found:{kind}": count for kind, count in counted(hits).items()} | {"spans_dropped": dropped}
    return Made(record.columns(**columns), {name: count for name, count in stats.items() if count})


def _wanted(params: Params) -> Wanted:
    own = [
        (kind, expression(tuple(sorted(set(terms))), ignore_case=params.ignore_case))
        for kind, terms in params.terms.items()
    ]
    own += [(kind, re.compile(pattern)) for kind, pattern in params.patterns.items()]
    return Wanted(frozenset(params.types), tuple(own), params.ner, params.use_spans, frozenset(params.span_types))


def _without(values: list[Any], hidden: np.ndarray[Any, np.dtype[np.bool_]]) -> list[Any]:
    return [None if hide else value for value, hide in zip(values, hidden.tolist(), strict=True)]


def _spans(pieces: Pieces, spans: Any, moved: Mapping[int, Moved]) -> tuple[list[tuple[int, int, int, str]], int]:
    """Return the spans of the new texts, sorted, and how many of the seeds' own a mask has touched."""
    of_row = {pieces.rows[piece]: move for piece, move in moved.items() if pieces.columns[piece] == "text"}
    out = [
        (row, a, b, kind)
        for row, m in of_row.items()
        for (a, b), kind in zip(m.new, m.kinds, strict=True)
        if not spans.bad[row]
    ]
    dropped = 0
    for row, start, end, kind in zip(
        spans.row.tolist(), spans.start.tolist(), spans.end.tolist(), spans.type, strict=True
    ):
        if spans.bad[row]:
            continue
        place = of_row[row].span(start, end) if row in of_row else (start, end)
        if place:
            out.append((row, *place, kind))
        elif (start, end, ALIASES.get(kind, kind)) not in {
            (*o, k) for o, k in zip(of_row[row].old, of_row[row].kinds, strict=True)
        }:
            dropped += 1
    return sorted(out), dropped


def _note_found(extra: list[Any], pieces: Pieces, hits: list[Hit]) -> None:
    """Write into `extra` where the values were: offsets into the seed, no values."""
    found: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for piece, start, end, kind, _ in hits:
        column = pieces.columns[piece]
        if column != "extra":
            turn = {"turn": pieces.turns[piece]} if column == "messages" else {}
            found[pieces.rows[piece], column].append({**turn, "start": start, "end": end, "type": kind})
    for (row, column), places in found.items():
        extra[row] = extra[row] or {}
        extra[row]["found" if column == "text" else f"found_{column}"] = places


def _reasons(
    batch: pa.RecordBatch, pieces: Pieces, hits: list[Hit], out: Mapping[str, list[Any]], bad: Any, *, keep_clean: bool
) -> list[str | None]:
    values: dict[int, dict[tuple[str, str], None]] = defaultdict(dict)
    for piece, start, end, kind, _ in hits:
        values[pieces.rows[piece]][pieces.texts[piece][start:end], kind] = None
    labels = batch.column("label").to_pylist()
    changed = {pieces.rows[hit[0]] for hit in hits if pieces.columns[hit[0]] != "extra"}
    reasons: list[str | None] = [None if keep_clean or row in changed else "unchanged" for row in range(batch.num_rows)]
    for row, found in values.items():
        turns = [turn["content"] for turn in out["messages"][row] or ()]
        texts = [out["text"][row], out["target"][row], out["extra"][row], labels[row], *turns]
        if leaks(found, (text for text in texts if text)):
            reasons[row] = "leaks_pii"
    for row in np.flatnonzero(bad).tolist():
        reasons[row] = reasons[row] if reasons[row] == "leaks_pii" else "bad_spans"
    return reasons


def needs(params: Params) -> frozenset[str]:
    """Return the column that a seed must have: the text, or the first that is read instead."""
    return frozenset({"text" if "text" in params.columns else params.columns[0]} - {"extra"})


def notes(_params: Params, stats: Mapping[str, int]) -> list[str]:
    """Return how many values of each type were masked."""
    found = [f"{name.removeprefix('found:')} {count:,}" for name, count in stats.items() if name.startswith("found:")]
    return [f"masked: {', '.join(found) or 'nothing'}"]


METHOD = Method(
    name="pii_mask",
    version=2,
    family="perturb",
    params=Params,
    run=run,
    gives=("text", "target", "messages", "spans", "extra"),
    seeds=lambda _params: "each",
    needs=needs,
    keeps=("kind", "label"),
    check=check,
    notes=notes,
    shard_rows=20_000,
    hides=True,
)
