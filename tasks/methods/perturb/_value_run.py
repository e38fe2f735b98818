"""Draws of the method `value_perturbation`: the values of a block of texts, moved."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tasks.core import record
from tasks.core.errors import ShardError
from tasks.core.method import Draw, Made
from tasks.methods.perturb._value_block import Block, Choice, perturbed
from tasks.methods.perturb._value_move import Pace
from tasks.methods.perturb._value_number import MILLION
from tasks.methods.perturb._value_shift import Reach
from tasks.methods.perturb._value_spans import spans_of
from tasks.methods.perturb._value_text import blocks

if TYPE_CHECKING:
    from tasks.methods.perturb.value_perturbation import Days, Minutes, Move, Params

_MAX_CHARS = 2**31 - 1


def _choice(params: "Params") -> Choice:
    """Return the params as the helpers take them."""
    from tasks.methods.perturb.value_perturbation import MOVED_BY_PACE  # noqa: PLC0415 - it imports this

    named = {name: getattr(params, name) for name in MOVED_BY_PACE}
    return Choice(
        paces={name: _pace(move) for name, move in named.items() if move is not None},
        reaches={"date": _days(params.date), "time": _minutes(params.time)},
        words=params.words,
        band=params.age_band,
        protect=tuple(re.compile(pattern) for pattern in params.protect),
        names=frozenset(name.upper() for name in params.protect_spans),
        day_first=params.day_first,
    )


def _pace(move: "Move") -> Pace:
    ends = (round(move.range[0] * MILLION), round(move.range[1] * MILLION)) if move.range else None
    return Pace(move.relative, move.absolute, ends, move.together)


def _days(days: "Days | None") -> Reach | None:
    if days is None:
        return None
    return Reach(days.absolute, (days.range[0].toordinal(), days.range[1].toordinal()) if days.range else None)


def _minutes(minutes: "Minutes | None") -> Reach | None:
    return None if minutes is None else Reach(minutes.absolute, minutes.ends if minutes.range else None)


def moved(seeds: pa.RecordBatch | None, params: "Params", draw: Draw) -> Made:
    """Return each seed with its values moved; the module's text lists the reasons of rejects."""
    if seeds is None:
        raise ShardError("value_perturbation needs seeds")
    texts, targets = (seeds.column(name).to_pylist() for name in ("text", "target"))
    spans, bad = spans_of(seeds, np.array([len(text or "") for text in texts], np.int64))
    reasons: list[str | None] = [
        "no_text" if text is None else "bad_spans" if wrong else None
        for text, wrong in zip(texts, bad.tolist(), strict=True)
    ]
    choice, both = _choice(params), "target" in params.columns
    done: list[Block] = []
    for part in blocks(texts):
        rows = list(zip(texts[part], targets[part], reasons[part], strict=True))
        usable = ["" if reason else text for text, _, reason in rows]
        answers = [target or "" if both and not reason else "" for _, target, reason in rows]
        done.append(perturbed(draw.rng, choice, usable, answers, spans.block(part.start, part.stop)))
    return Made(_records(done, (texts, targets), reasons, both=both, keep=params.keep_unchanged))


def _records(
    done: Sequence[Block],
    old: tuple[list[str | None], list[str | None]],
    reasons: list[str | None],
    *,
    both: bool,
    keep: bool,
) -> pa.RecordBatch:
    texts, targets, changes, answers = (
        [value for block in done for value in getattr(block, name)]
        for name in ("texts", "targets", "changed", "changed_targets")
    )
    for row, reason in enumerate(reasons):
        if reason:
            texts[row] = old[0][row]
        elif not keep and not changes[row] and not answers[row]:
            reasons[row] = "unchanged"
        targets[row] = old[1][row] if reasons[row] or not both or old[1][row] is None else targets[row]
    if sum(len(text or "") for text in texts) > _MAX_CHARS:
        raise ShardError(f"the texts of {len(texts)} rows are over 2 GiB; set a smaller shard_rows")
    columns = {
        "text": pa.array(texts, pa.string()),
        "target": pa.array(targets, pa.string()),
        "spans": pa.chunked_array([block.spans for block in done], record.SPANS),
        "extra": pa.array([_extra(*pair) for pair in zip(changes, answers, strict=True)], pa.string()),
    }
    if any(reasons):
        columns["reason"] = pa.array(reasons, pa.string())
    return record.columns(**columns)


def _extra(changed: str, changed_target: str) -> str | None:
    parts = [f'"changed":{changed or "[]"}', f'"changed_target":{changed_target}' if changed_target else ""]
    return "{" + ",".join(part for part in parts if part) + "}" if changed or changed_target else None
