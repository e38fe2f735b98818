"""Scaffolding that should have been filled in or taken out: `{{ slot }}`, `#symbol#`, `<|token|>`, `[INSERT ...]`.

Source: Compton et al. 2015, Tracery (https://www.tracery.io/) for `#symbol#`; Touvron et al. 2023
(https://arxiv.org/abs/2307.09288) and Dubey et al. 2024 (https://arxiv.org/abs/2407.21783) for the tokens of chat
models.
"""

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from quality.rule import Rule, RuleParams
from quality.rules._text import as_mask, mask_where
from tasks.core.errors import choices
from tasks.core.record import words_of

# RE2, joined into one pattern: the time is one pass over the bytes, whatever the number of parts.
PARTS = {
    "slot": r"\{\{-?[ \t]*[A-Za-z_][^{}\n]{0,120}\}\}|\{%-?[ \t]*[a-z]+\b[^%\n]{0,120}%\}",
    "symbol": r"#[A-Za-z_]\w{0,60}(\.[A-Za-z_]\w{0,30}(\([^)#\n]{0,30}\))?){0,4}#|#\[[^\]#\n]{1,80}\][^#\n]{0,60}#",
    "token": (
        r"<\|[^|<>\s]{1,64}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(pad|unk|bos|eos|mask)>|\[(PAD|UNK|CLS|SEP|MASK)\]"
        r"|<(start|end)_of_(turn|text)>|<extra_id_\d+>"
    ),
    "placeholder": (
        r"(?i:[\[<](insert|enter|your|placeholder|company name|customer name|first name|last name|todo|tbd|fill in)"
        r"([ _:-][^\]>\n]{0,80})?[\]>])"
    ),
    "lorem": r"(?i:\blorem ipsum\b)",
}


class Params(RuleParams):
    """What counts as left over."""

    parts: tuple[str, ...] = Field(tuple(PARTS), min_length=1, description=f"what to look for: {', '.join(PARTS)}")

    @field_validator("parts")
    @classmethod
    def _known(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        for part in parts:
            if part not in PARTS:
                raise ValueError(f"unknown part '{part}'{choices(part, PARTS)}")
        return parts


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows hold any of the parts."""
    pattern = "|".join(PARTS[part] for part in params.parts)
    return as_mask(mask_where(np.ones(batch.num_rows, bool), words_of(batch), pattern))


RULE = Rule(name="leftover_markup", version=1, params=Params, defect=defect)
