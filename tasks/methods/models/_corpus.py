"""The seeds as a model reads them: their texts, a vocabulary, and a part held out to look at while training."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.errors import UserError
from tasks.methods.models._vocabulary import UNK, Encoded, Vocabulary

# With fewer texts nothing is held out: what is left would be too little, and what it shows would be chance.
_FEWEST_TO_HOLD_OUT = 40
# Unknown words above this share are worth a word in the report.
_MANY_UNKNOWN = 0.1


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts to train on and held-out ones, encoded; `held_out` is `train` itself where there were too few."""

    vocabulary: Vocabulary
    texts: Sequence[str]
    ids: Sequence[str]
    train: Encoded
    held_out_texts: Sequence[str]
    held_out: Encoded
    notes: Sequence[str] = field(default_factory=tuple)


def corpus(
    seeds: Iterable[pa.RecordBatch],
    *,
    held_out: float,
    min_count: int,
    max_vocabulary: int,
    max_words: int,
    lowercase: bool,
    rng: np.random.Generator,
) -> Corpus:
    """Return what the seeds hold; UserError where none of them has a text."""
    ids, texts, rows = _texts(seeds)
    if not texts:
        raise UserError(f"none of the {rows:,} seeds has a text: a model needs one at least")
    vocabulary = Vocabulary.of(texts, min_count=min_count, most=max_vocabulary, lowercase=lowercase)
    if len(vocabulary) == len(Vocabulary.of([], min_count=1, most=max_vocabulary, lowercase=False)):
        vocabulary = Vocabulary.of(texts, min_count=1, most=max_vocabulary, lowercase=lowercase)
    encoded = vocabulary.encode(texts)
    order = rng.permutation(len(texts))
    out = round(held_out * len(texts)) if len(texts) >= _FEWEST_TO_HOLD_OUT else 0
    apart, rest = np.sort(order[:out]), np.sort(order[out:])
    looked_at = apart if out else rest
    return Corpus(
        vocabulary,
        [texts[at] for at in rest],
        [ids[at] for at in rest],
        encoded.take(rest),
        [texts[at] for at in looked_at],
        encoded.take(looked_at),
        tuple(_notes(encoded, rows, out, max_words)),
    )


def _texts(seeds: Iterable[pa.RecordBatch]) -> tuple[list[str], list[str], int]:
    """Return ids and texts of the seeds that have a text, and how many seeds there are."""
    ids: list[str] = []
    texts: list[str] = []
    rows = 0
    for batch in seeds:
        rows += batch.num_rows
        text = pc.fill_null(batch.column("text"), "")
        has = pc.match_substring_regex(text, r"\S")
        texts += text.filter(has).to_pylist()
        ids += batch.column("id").filter(has).to_pylist()
    return ids, texts, rows


def _notes(encoded: Encoded, rows: int, out: int, max_words: int) -> list[str]:
    notes = []
    if empty := rows - len(encoded):
        notes.append(f"{empty:,} of {rows:,} seeds have no text and were left out")
    if not out:
        notes.append(
            f"{len(encoded)} texts are too few to hold any out: held-out figures are those of the training texts"
        )
    if long := int((encoded.lengths > max_words).sum()):
        notes.append(f"{long:,} of {len(encoded):,} texts were cut at `max_words` {max_words}")
    unknown = float((encoded.ids == UNK).mean()) if len(encoded.ids) else 0.0
    if unknown > _MANY_UNKNOWN:
        notes.append(f"{unknown:.0%} of the words are too rare for the vocabulary: a lower `min_count` would keep them")
    return notes


def repeats(texts: Sequence[str], known: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which texts are among `known`, word for word, case and spaces aside."""
    have = pa.array([_plain(text) for text in known], pa.string())
    found = pc.is_in(pa.array([_plain(text) for text in texts], pa.string()), have)
    return found.to_numpy(zero_copy_only=False)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
