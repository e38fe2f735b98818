"""Easy data augmentation: synonyms, random insertion, random swap, random deletion, one of them a draw.

    alpha_sr: 0.1     # share of the words that are replaced, inserted, swapped; the chance of each to be deleted
    alpha_ri: 0.1     # 0 leaves an operation out
    operations: turn  # in turn over the draws of a stage; random: by the dice

`operation` in `extra` says which one made a record. An operation that finds nothing to do in a text gives way to the
next; a row is rejected as `unchanged` where none does, or as `bad_spans`. Two things differ from the paper's code:
synonyms fit their place, and negations, spans and protected words stay (protect_negations: false for the paper's way).

Source: Wei & Zou 2019, EDA: Easy Data Augmentation Techniques (https://arxiv.org/abs/1901.11196)
"""

from collections.abc import Callable
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from tasks.core import record
from tasks.core.method import Draw, Made, Method
from tasks.methods.augment._chars import Ints
from tasks.methods.augment._draws import GIVES, KEEPS, edited
from tasks.methods.augment._edit import Edits
from tasks.methods.augment._strength import WordStrength, per_row, pick
from tasks.methods.augment._words import Words
from tasks.methods.augment.random_insertion import new_synonyms
from tasks.methods.augment.synonym_replacement import Replacing, SynonymParams, check
from tasks.methods.augment.word_shuffle import swaps

OPERATIONS = ("synonym_replacement", "random_insertion", "random_swap", "random_deletion")


class Params(SynonymParams):
    """How strong each operation is, and whose turn it is."""

    rate: float | None = Field(None, exclude=True, description="not for eda: give alpha_sr, alpha_ri, alpha_rs, p_rd")
    count: int | None = Field(None, exclude=True, description="not for eda: give alpha_sr, alpha_ri, alpha_rs, p_rd")
    alpha_sr: float = Field(0.1, ge=0, le=1, description="share of the words replaced by a synonym, at least one")
    alpha_ri: float = Field(0.1, ge=0, le=1, description="synonyms inserted for each word of the text, at least one")
    alpha_rs: float = Field(0.1, ge=0, le=0.5, description="swaps of two words for each word of the text, at least one")
    p_rd: float = Field(0.1, ge=0, lt=1, description="chance of each word to be deleted; at least one is")
    operations: Literal["turn", "random"] = Field("turn", description="turn (one after the other) or random")

    @model_validator(mode="after")
    def _some_operation(self) -> Self:
        for name in ("rate", "count"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is not for eda; give alpha_sr, alpha_ri, alpha_rs, p_rd")
        if not any(self.strengths):
            raise ValueError("alpha_sr, alpha_ri, alpha_rs and p_rd are all 0: no operation is left")
        return self

    @property
    def strengths(self) -> tuple[float, float, float, float]:
        """The strength of each of OPERATIONS."""
        return self.alpha_sr, self.alpha_ri, self.alpha_rs, self.p_rd


def _check(params: Params) -> None:
    if params.alpha_sr or params.alpha_ri:
        check(params)


def deletion(words: Words, chance: float, rng: np.random.Generator) -> Edits:
    """Return each editable word dropped by chance: at least one of a text, and never all of its words."""
    editable = words.editable
    drop = editable & (rng.random(len(words)) < chance)
    room, dropped = per_row(words, editable), per_row(words, drop)
    drop[pick(words, editable, ((dropped == 0) & (room > 0)).astype(np.int64), rng)] = True
    left = np.diff(words.first) - per_row(words, drop)
    drop[pick(words, drop, ((left == 0) & (np.diff(words.first) > 0)).astype(np.int64), rng)] = False
    return Edits(drop=drop)


def _decide(params: Params, operation: int) -> Callable[[Words, np.random.Generator], Edits]:
    strength = params.strengths[operation]
    if operation == 0:
        return Replacing(params.model_copy(update={"rate": strength}))
    if operation == 1:
        some = WordStrength(rate=strength)
        return lambda words, rng: new_synonyms(words, some, params.known, rng)
    if operation == 2:
        # Half the words make one pair each: alpha swaps a word are twice that rate of all pairs.
        some = WordStrength(rate=2 * strength)
        return lambda words, rng: swaps(words, some, rng)
    return lambda words, rng: deletion(words, strength, rng)


def run(seeds: pa.RecordBatch, params: Params, draw: Draw) -> Made:
    """Return one text for each draw, `operation` in `extra`."""
    named = [number for number, strength in enumerate(params.strengths) if strength]
    turn = np.arange(draw.start, draw.start + draw.count)
    first = turn % len(named) if params.operations == "turn" else draw.rng.integers(0, len(named), draw.count)
    made: list[pa.RecordBatch] = []
    place, done = np.zeros(draw.count, np.int64), np.full(draw.count, -1, np.int64)
    open_ = np.ones(draw.count, np.bool_)
    for step in range(len(named)):
        for slot, operation in enumerate(named):
            rows = np.flatnonzero(open_ & ((first + step) % len(named) == slot))
            if rows.size:
                part = _operated(seeds.take(pa.array(rows)), params, draw, operation)
                place[rows] = sum(batch.num_rows for batch in made) + np.arange(len(rows))
                made.append(part)
                settled = rows[pc.is_null(part.column("reason")).to_numpy(zero_copy_only=False)]
                done[settled] = operation
        open_ &= (done < 0) & (_reasons(made, place) == "unchanged")
    return _gathered(made, place, done, params)


def _operated(seeds: pa.RecordBatch, params: Params, draw: Draw, operation: int) -> pa.RecordBatch:
    """Return the seeds after one operation, with the reason of those that it does not change."""
    strict = params.model_copy(update={"allow_unchanged": False})
    part = edited(seeds, strict, Draw(draw.rng, seeds.num_rows, 0, draw.key), _decide(params, operation)).records
    if "reason" not in part.schema.names:
        part = part.append_column("reason", pa.nulls(part.num_rows, pa.string()))
    return part


def _reasons(made: list[pa.RecordBatch], place: Ints) -> np.ndarray:
    every = pa.chunked_array([part.column("reason") for part in made])
    return every.take(pa.array(place)).to_numpy()


def _gathered(made: list[pa.RecordBatch], place: Ints, done: Ints, params: Params) -> Made:
    """Return the last state of each row in the order of the draws."""
    table = pa.Table.from_batches(made).take(pa.array(place)).combine_chunks()
    whole = {name: table.column(name) for name in table.schema.names}
    marks = pa.array([record.dumps({"operation": name}) for name in OPERATIONS])
    whole["extra"] = pa.DictionaryArray.from_arrays(pa.array(done, pa.int32(), mask=done < 0), marks).cast(pa.string())
    if params.allow_unchanged:
        whole["reason"] = pc.if_else(pc.equal(whole["reason"], "unchanged"), None, whole["reason"])
    stats = {f"operation:{name}": int((done == number).sum()) for number, name in enumerate(OPERATIONS)}
    return Made(record.columns(**whole), {name: count for name, count in stats.items() if count})


METHOD = Method(
    name="eda",
    version=1,
    family="augment",
    params=Params,
    run=run,
    gives=(*GIVES, "extra"),
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=KEEPS,
    check=_check,
)
