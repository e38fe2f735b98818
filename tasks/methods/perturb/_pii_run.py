"""Draws of the method `pii_mask`: what is found in the seeds, rewritten, and looked for again."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tasks.core import record
from tasks.core.method import Draw, Made
from tasks.methods.perturb._pii_again import leaks
from tasks.methods.perturb._pii_find import Wanted, counted, expression, find
from tasks.methods.perturb._pii_pieces import COLUMNS, Pieces, pieces_of, spans_array, spans_of, values_of
from tasks.methods.perturb._pii_scan import Hit
from tasks.methods.perturb._pii_types import ALIASES
from tasks.methods.perturb._pii_write import Moved, Writer, rewrite

if TYPE_CHECKING:
    from tasks.methods.perturb.pii_mask import Params


def masked(seeds: pa.RecordBatch | None, params: "Params", draw: Draw, secret: bytes) -> Made:
    """Return one row for each seed, masked; or its reason: bad_spans, leaks_pii or unchanged."""
    batch = (
        seeds if seeds is not None else record.complete(record.columns(text=[]), method="", stage="", shard=0, row=0)
    )
    held = values_of(batch, params.columns)
    pieces, spans = pieces_of(held, params.columns), spans_of(batch)
    hits = find(pieces, spans, _wanted(params))
    row_keys = draw.rng.bytes(16 * batch.num_rows)
    writer = Writer(params.operator, params.operators, params.locale, secret, row_keys)
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


def _wanted(params: "Params") -> Wanted:
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
