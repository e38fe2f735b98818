"""A pair without its second half: `target` is null or blank.

Reads `kind` and `target`.

Source: Wang et al. 2023, section 3.1 (https://arxiv.org/abs/2212.10560) drop instances that have no output.
"""

import pyarrow as pa
from pydantic import Field, field_validator

from quality.rule import Rule, RuleParams
from quality.rules._text import as_bools, as_mask, pc
from tasks.core.errors import choices
from tasks.core.record import KINDS


class Params(RuleParams):
    """Which kinds of record need a target."""

    kinds: tuple[str, ...] = Field(("pair",), min_length=1, description=f"kinds to look at: {', '.join(KINDS)}")

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(f"unknown kind '{kind}'{choices(kind, KINDS)}")
        return kinds


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows of the kinds asked have nothing but white space in `target`."""
    kind = as_bools(pc.is_in(batch.column("kind"), value_set=pa.array(params.kinds, pa.string())))
    target = pc.coalesce(batch.column("target"), pa.scalar(""))
    blank = as_bools(pc.equal(pc.binary_length(pc.utf8_trim_whitespace(target)), 0))
    return as_mask(kind & blank)


RULE = Rule(name="missing_target", version=1, params=Params, defect=defect)
