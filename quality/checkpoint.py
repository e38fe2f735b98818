"""The row rules of a gate, applied to one record batch."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from quality.rule import Configured
from quality.rules._text import as_bools, pc


def judge(batch: pa.RecordBatch, rules: Sequence[Configured]) -> pa.StringArray:
    """Return the reason of each row: the name of the first rule, in the order given, that finds its defect; else null.

    Rules that compare rows across shards are left to `quality.dedup`, which sees the shards in order: judge passes
    them over.
    """
    verdict = np.full(batch.num_rows, -1, np.int32)
    names = [rule.name for rule, _ in rules]
    for number, (rule, params) in enumerate(rules):
        if not rule.across:
            found = as_bools(rule.defect(batch, params))
            verdict[found & (verdict < 0)] = number
    if (verdict < 0).all():
        return pa.nulls(len(verdict), pa.string())
    reasons: pa.StringArray = pc.take(pa.array(names, pa.string()), pa.array(verdict, mask=verdict < 0))
    return reasons


def split_rules(rules: Sequence[Configured]) -> tuple[list[Configured], list[Configured]]:
    """Return the rules of one row alone, which `judge` applies, and those across rows, which the stage applies."""
    return [pair for pair in rules if not pair[0].across], [pair for pair in rules if pair[0].across]
