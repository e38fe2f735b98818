"""Words and punctuation as numbers, and back to text with its spaces where they were.

A piece is a word, a punctuation mark or a line break. One that stands without a space before it carries the mark GLUE,
so that "wheel." and "( wheel )" come back as they were; runs of spaces come back as one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

PAD, BOS, EOS, UNK = range(4)
MARKS = ("<pad>", "<s>", "</s>", "<unk>")
# WORD JOINER: what Unicode has for "no break between these".
GLUE = "\u2060"
_TOKEN = re.compile(r"[^\S\n]*(\n|\w+(?:['’._@-]\w+)*|[^\w\s])", re.UNICODE)

Ids = npt.NDArray[np.int32]


def pieces(text: str) -> list[str]:
    """Return the pieces of a text; joined by `joined` they are the text again, its spaces made single."""
    found = []
    glued = True
    for match in _TOKEN.finditer(text.strip().replace(GLUE, "")):
        piece = match[1]
        spaced = match.start(1) > match.start() or glued
        found.append(piece if spaced or piece == "\n" else GLUE + piece)
        glued = piece == "\n"
    return found


def joined(words: Sequence[str]) -> str:
    """Return the text of some pieces."""
    return " ".join(words).replace(f" {GLUE}", "").replace(GLUE, "").replace(" \n", "\n").replace("\n ", "\n").strip()


@dataclass(frozen=True, slots=True)
class Encoded:
    """Texts as one flat array of ids: text i is `ids[offsets[i] : offsets[i + 1]]`, without BOS and EOS."""

    ids: Ids
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(self.offsets)

    def take(self, rows: npt.NDArray[np.int64]) -> "Encoded":
        """Return the texts at `rows`, in that order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Encoded(self.ids[np.repeat(self.offsets[rows], lengths) + within], offsets)

    def padded(self, longest: int) -> Ids:
        """Return the texts between BOS and EOS, padded with PAD: (texts, time).

        A text of `longest` ids or more is cut there and has no EOS: where it was cut is no end that a model may learn.
        """
        lengths = np.minimum(self.lengths, longest)
        out = np.full((len(self), int(lengths.max(initial=0)) + 2), PAD, np.int32)
        out[:, 0] = BOS
        place = np.arange(out.shape[1] - 1)[None, :] < lengths[:, None]
        rows, columns = np.nonzero(place)
        out[rows, columns + 1] = self.ids[self.offsets[rows] + columns]
        whole = np.flatnonzero(self.lengths <= longest)
        out[whole, lengths[whole] + 1] = EOS
        return out


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a model, by number; the first four are MARKS."""

    words: tuple[str, ...]
    lowercase: bool = False

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of(cls, texts: Sequence[str], *, min_count: int, most: int, lowercase: bool) -> Self:
        """Return the words that occur at least `min_count` times, the most frequent first, at most `most` of them."""
        flat = [piece for text in texts for piece in pieces(text.lower() if lowercase else text)]
        counts = pc.value_counts(pa.array(flat, pa.string()))
        have, times = counts.field(0), counts.field(1).to_numpy()
        # Ties in the order of their first use, which is the order of `value_counts`.
        order = np.argsort(-times, kind="stable")
        kept = order[times[order] >= min_count][: most - len(MARKS)]
        return cls((*MARKS, *have.take(pa.array(kept)).to_pylist()), lowercase)

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Return the texts as ids; a word that is not in the vocabulary is UNK."""
        split = [pieces(text.lower() if self.lowercase else text) for text in texts]
        offsets = np.concatenate([[0], np.cumsum([len(words) for words in split])]).astype(np.int64)
        flat = pa.array([word for words in split for word in words], pa.string())
        found = pc.fill_null(pc.index_in(flat, pa.array(self.words, pa.string())), UNK)
        return Encoded(found.to_numpy().astype(np.int32), offsets)

    def decode(self, ids: Ids) -> list[str]:
        """Return the text of each row of (texts, time): what stands before the first EOS or PAD."""
        ends = (ids == EOS) | (ids == PAD)
        lengths = np.where(ends.any(axis=1), ends.argmax(axis=1), ids.shape[1])
        words = self.words
        return [joined([words[i] for i in row[:n]]) for row, n in zip(ids.tolist(), lengths.tolist(), strict=True)]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"words": self.words, "lowercase": self.lowercase}), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(tuple(saved["words"]), saved["lowercase"])
