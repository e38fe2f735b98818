"""A structured record whose text is not JSON.

Reads `kind` and `text`; other kinds pass. NaN and Infinity, which Python writes and JSON does not know, are defects,
and so is nesting that the parser cannot follow.

Source: Bray (ed.) 2017, RFC 8259 (https://www.rfc-editor.org/rfc/rfc8259)
"""

import json
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from quality.rule import Rule, RuleParams
from quality.rules._text import as_bools, as_mask, pc, taken


class Params(RuleParams):
    """How strict to be."""

    duplicate_keys: bool = Field(default=False, description="whether an object may hold one key twice")


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which structured rows do not parse."""
    structured = as_bools(pc.equal(batch.column("kind"), "structured"))
    bad = np.zeros(batch.num_rows, bool)
    rows = np.flatnonzero(structured)
    if rows.size:
        decoder = json.JSONDecoder(
            parse_constant=_refuse, object_pairs_hook=None if params.duplicate_keys else _unique_keys
        )
        texts = taken(batch.column("text"), rows).to_pylist()
        bad[rows] = [not _parses(text, decoder) for text in texts]
    return as_mask(bad)


def _parses(text: str | None, decoder: json.JSONDecoder) -> bool:
    try:
        decoder.decode(text or "")
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("one key twice")
    return found


RULE = Rule(name="bad_json", version=1, params=Params, defect=defect)
