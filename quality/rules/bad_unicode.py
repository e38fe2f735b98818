"""Characters that no text should hold: controls, U+FFFD, private use, noncharacters, hidden ones, mojibake.

Tab, line feed and carriage return are text. Mojibake is UTF-8 that was read as Windows-1252, such as `cafÃ©`.

Source: The Unicode Consortium 2024, chapter 23 (https://www.unicode.org/versions/Unicode16.0.0/); Speer 2019, ftfy
(https://doi.org/10.5281/zenodo.2591652) for mojibake; Boucher & Anderson 2021 (https://arxiv.org/abs/2111.00169) for
hidden characters.
"""

from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from quality.rule import Rule, RuleParams
from quality.rules._text import Bools, Bytes, Ints, Texts, as_mask, is_ascii, mask_where, pc, rows_with, taken, utf8
from tasks.core.record import words_of

_C1 = "\x80-\x9f"
_BROKEN = "\ufffd\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0xF0000, 0x10000)
)
# Overrides and embeddings of direction, zero-width space, word joiner, byte order mark: nobody types them.
_TRICKS = "\u200b\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff\U000e0001"
# Tags spell the region of a flag in up to six letters and an end; anywhere else they hide a message.
_TAG = "\U000e0020-\U000e007f"
_HIDDEN_TAGS = f"(^|[^\U0001f3f4{_TAG}])[{_TAG}]|[{_TAG}]{{8}}"
# Persian, Hindi and emoji need the joiners, Arabic and Hebrew the marks: only who has none of them may refuse these.
_JOINERS = "\u200c-\u200f\u00ad\u061c"
HIDDEN = {"none": "", "tricks": _TRICKS, "all": _TRICKS + _JOINERS}

# What the bytes 80 to BF look like in Windows-1252 (81, 8D, 8F, 90 and 9D as C1 controls).
_TRAIL = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"  # noqa: RUF001 - the look-alikes are the point
_MOJIBAKE = f"[ÂÃÐÑ][{_TRAIL}]|â[€\u0080][{_TRAIL}]|ð[Ÿ\u009f][{_TRAIL}]+"


class Params(RuleParams):
    """What to refuse."""

    controls: bool = Field(default=True, description="refuse controls other than tab, line feed, carriage return")
    hidden: Literal["none", "tricks", "all"] = Field(
        "tricks",
        description="refuse invisible characters: none; tricks (zero-width space, direction overrides, tags); "
        "all (joiners, direction marks and soft hyphens too)",
    )
    max_mojibake_share: float = Field(
        0.01, ge=0, le=1, description="greatest share of characters that are mojibake, in [0, 1]"
    )


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows hold a character that is refused."""
    text = words_of(batch)
    data, offsets = utf8(text)
    bad = _controls(data, offsets) if params.controls else np.zeros(len(text), bool)
    if not is_ascii(data):
        refused = _refused(params)
        # One pass over all the bytes for both; what they are is asked of the few rows that it finds.
        suspect = mask_where(~bad, text, f"{refused}|{_MOJIBAKE}")
        bad |= mask_where(suspect, text, refused)
        bad |= _garbled(suspect & ~bad, text, params.max_mojibake_share)
    return as_mask(bad)


def _refused(params: Params) -> str:
    pattern = f"[{_C1 if params.controls else ''}{_BROKEN}{HIDDEN[params.hidden]}]"
    return pattern if params.hidden == "none" else f"{pattern}|{_HIDDEN_TAGS}"


def _controls(data: Bytes, offsets: Ints) -> Bools:
    low = np.flatnonzero((data < 0x20) | (data == 0x7F))
    value = data[low]
    return rows_with(low[(value != 0x09) & (value != 0x0A) & (value != 0x0D)], offsets)


def _garbled(candidates: Bools, text: Texts, max_share: float) -> Bools:
    out = mask_where(candidates, text, _MOJIBAKE)
    rows = np.flatnonzero(out)
    if rows.size:
        garbled = taken(text, rows)
        chars = pc.utf8_length(garbled).to_numpy()
        clean = pc.utf8_length(pc.replace_substring_regex(garbled, _MOJIBAKE, "")).to_numpy()
        out[rows] = chars - clean > max_share * chars
    return out


RULE = Rule(name="bad_unicode", version=1, params=Params, defect=defect)
