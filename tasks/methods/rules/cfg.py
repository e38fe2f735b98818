"""Texts of a context-free grammar, in NLTK or Tracery notation: weighted, uniform or every one.

A grammar is productions such as `S -> NP VP [0.7] | VP [0.3]` with terminals in quotes, or Tracery's JSON of symbols.
`weighted` follows the weights of the productions, `uniform` makes every derivation up to `max_depth` equally likely
(by exact counts: Hickey & Cohen 1983, https://doi.org/10.1137/0212044), `exhaustive` lists the derivations by number:
leftmost symbol slowest, productions in the order written, as `nltk.parse.generate` does.

Source: Booth & Thompson 1973, Applying probability measures to abstract languages (https://doi.org/10.1109/T-C.1973.223746)
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from tasks.core import record
from tasks.core.errors import ShardError
from tasks.core.method import Draw, Made, Method, MethodParams, TextOrFile
from tasks.core.random import permuted
from tasks.methods.rules._cfg_expand import Trees, block_rows, by_rule, chosen, expand
from tasks.methods.rules._cfg_pick import Aliases, ByNumber, ByWeight, Evenly, Picker
from tasks.methods.rules._cfg_pieces import Spacing
from tasks.methods.rules._cfg_plan import Mode, Notation, Plan, check_shuffle, derivations, is_tracery, plan, reached
from tasks.methods.rules._cfg_text import MAX_BYTES, bracketed, texts

_TOO_LONG = "too_many_tokens"
_NAMED = 10


def _as_text(value: Any) -> Any:
    """Return a Tracery grammar given as a mapping as its JSON; a grammar on one line gets an end, so it is no path."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    if isinstance(value, str) and ("->" in value or value.lstrip().startswith("{")):
        return value + "\n"
    return value


class Params(MethodParams):
    """What to draw from which grammar."""

    grammar: Annotated[TextOrFile, BeforeValidator(_as_text)] = Field(
        ...,
        description="the grammar, or the path of a file with it: NLTK notation, or Tracery JSON (also as a mapping)",
    )
    notation: Notation = Field("auto", description="nltk, tracery, or auto: Tracery where the text opens with {")
    start: str | None = Field(None, description="start symbol; default: the first left-hand side, Tracery's origin")
    mode: Mode = Field("weighted", description="weighted, uniform (over derivations) or exhaustive (each one once)")
    order: Literal["listed", "shuffled"] = Field(
        "listed", description="exhaustive: derivations as numbered, or in a random order that repeats none"
    )
    max_depth: int | None = Field(
        None,
        ge=1,
        description="productions nested in a derivation, at most; default: no limit; where the grammar is recursive, "
        "mode weighted takes 200 (more if a production needs it), uniform and exhaustive ask for it",
    )
    max_tokens: int = Field(
        1000,
        ge=1,
        le=10_000_000,
        description=f"terminals and empty productions of a text, at most; a text with more is rejected ({_TOO_LONG})",
    )
    join: str = Field(" ", description="what stands between two terminals (NLTK notation)")
    detokenize: bool = Field(
        default=True,
        description="no join before a terminal of , . ! ? ; : ) nor after ( or beside a space (NLTK notation)",
    )
    keep_tree: bool = Field(default=False, description="keep the derivation in brackets in extra, as `tree`")

    @model_validator(mode="after")
    def _that_apply(self) -> Self:
        if self.order == "shuffled" and self.mode != "exhaustive":
            raise ValueError(f"order 'shuffled' is for mode 'exhaustive', not '{self.mode}'")
        for name in ("join", "detokenize"):
            if name in self.model_fields_set and is_tracery(self.grammar, self.notation):
                raise ValueError(f"{name} is for NLTK notation; a Tracery grammar holds its own spaces")
        return self


@lru_cache(maxsize=8)
def _plan(params: Params) -> Plan:
    return plan(
        params.grammar,
        Spacing(params.join, repair=params.detokenize),
        notation=params.notation,
        mode=params.mode,
        start=params.start,
        depth=params.max_depth,
        max_leaves=params.max_tokens,
    )


def check(params: Params) -> None:
    """Read the grammar; RecipeError names all that is wrong with it."""
    ready = _plan(params)
    if params.order == "shuffled":
        check_shuffle(ready)


def capacity(params: Params) -> int | None:
    """Return the number of derivations: exact, so no fewer than the texts; None above 2**63 or where not counted."""
    return derivations(_plan(params))


def run(_seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return `draw.count` texts, fewer where `exhaustive` comes to the end of the language."""
    ready = _plan(params)
    counts = np.zeros(len(ready.made.weights), np.int64)
    parts: dict[str, list[pa.Array]] = {"text": [], "extra": [], "reason": []}
    for rows, picker in _blocks(ready, params, draw):
        trees = expand(ready.made, rows, picker, ready.max_leaves)
        counts += chosen(ready.made, trees)
        parts["text"].append(texts(ready.made, trees))
        parts["extra"].append(bracketed(ready.made, trees) if params.keep_tree else pa.nulls(rows, pa.string()))
        parts["reason"].append(_reasons(trees, rows))
    whole = {name: pa.chunked_array(arrays, pa.string()) for name, arrays in parts.items()}
    if max(whole["text"].nbytes, whole["extra"].nbytes) > MAX_BYTES:
        raise ShardError(f"the texts of {draw.count} rows are over 2 GiB; set a smaller shard_rows")
    if whole["reason"].null_count == len(whole["reason"]):
        del whole["reason"]
    rules = by_rule(ready.made, counts, len(ready.rules)).tolist()
    stats = {f"production:{number}": count for number, count in enumerate(rules, start=1) if count}
    return Made(record.columns(**whole), stats)


def _blocks(ready: Plan, params: Params, draw: Draw) -> Iterator[tuple[int, Picker]]:
    """Yield how many texts to expand together, and the way to choose."""
    end = draw.start + draw.count
    if params.mode == "exhaustive":
        end = min(end, ready.made.totals[0])
    step = block_rows(ready.longest)
    for first in range(draw.start, end, step):
        places = range(first, min(first + step, end))
        yield len(places), _picker(ready, params, draw, places)


def _picker(ready: Plan, params: Params, draw: Draw, places: range) -> Picker:
    if isinstance(ready.table, Aliases):
        return ByWeight(ready.made, ready.table, draw.rng, ready.depth)
    if params.mode == "uniform":
        return Evenly(ready.made, ready.table, draw.rng)
    numbers = np.arange(places.start, places.stop, dtype=np.uint64)
    if params.order == "shuffled":
        numbers = permuted(numbers, ready.made.totals[0], draw.key)
    return ByNumber(ready.made, ready.table, numbers)


def _reasons(trees: Trees, rows: int) -> pa.Array:
    if trees.over is None:
        return pa.nulls(rows, pa.string())
    return pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(rows, np.int8), mask=~trees.over), pa.array([_TOO_LONG])
    ).cast(pa.string())


def notes(params: Params, stats: Mapping[str, int]) -> list[str]:
    """Return the share of productions that the accepted texts used, and those that none did."""
    ready = _plan(params)
    rules = reached(ready.grammar)
    unused = [ready.rules[rule].text for rule in rules if not stats.get(f"production:{rule + 1}")]
    line = f"coverage: {len(rules) - len(unused)} of {len(rules)} productions used"
    if unused:
        more = f" and {len(unused) - _NAMED} more" if len(unused) > _NAMED else ""
        line += f"; never: {', '.join(unused[:_NAMED])}{more}"
    return [line]


METHOD = Method(
    name="cfg",
    version=1,
    family="rules",
    params=Params,
    run=run,
    gives=("text", "extra"),
    check=check,
    capacity=capacity,
    notes=notes,
)
