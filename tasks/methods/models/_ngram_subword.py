"""Subwords as the tokens of an n-gram model: any tokenizers file, or byte-level BPE trained on the seeds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core.errors import RecipeError
from tasks.core.ngram.vocabulary import Cutter, Words

FILE = "tokenizer.json"
# Texts that merges are learned from: more change nothing but the time that it takes.
_LEARN_FROM = 200_000
_OTHER = "tokens: word needs none"


@dataclass(frozen=True)
class Subwords:
    """Cuts and joins with a `tokenizers.Tokenizer`."""

    tokenizer: Any

    def cut(self, texts: Sequence[str]) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
        encodings = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        lengths = np.fromiter((len(encoding) for encoding in encodings), np.int64, len(encodings))
        tokens = [token for encoding in encodings for token in encoding.tokens]
        return pa.array(tokens, pa.string()), lengths

    def join(self, tokens: pa.ListArray) -> pa.Array:
        number = self.tokenizer.token_to_id
        # The model's marks are no tokens of the tokenizer.
        ids = [[i for i in map(number, text) if i is not None] for text in tokens.to_pylist()]
        return pa.array(self.tokenizer.decode_batch(ids, skip_special_tokens=False), pa.string())


def need_tokenizers() -> None:
    """Raise RecipeError where the package tokenizers is not installed."""
    try:
        import tokenizers  # noqa: F401, PLC0415 - an optional package
    except ImportError as exc:
        raise RecipeError(
            f"tokens: subword needs the package tokenizers: pip install 'tilth[models]'; {_OTHER}"
        ) from exc


def learned(texts: Iterable[str], vocab_size: int) -> Subwords:
    """Return a byte-level BPE tokenizer of at most `vocab_size` tokens, learned from the first 200,000 texts."""
    need_tokenizers()
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415 - an optional package

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(_chunks(islice(texts, _LEARN_FROM)), trainer)
    return Subwords(tokenizer)


def _chunks(texts: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(texts, 1000)):
        yield chunk


def cutter_in(folder: Path) -> Cutter:
    """Return what cut the texts of the model in a folder."""
    path = folder / FILE
    if not path.is_file():
        return Words()
    need_tokenizers()
    from tokenizers import Tokenizer  # noqa: PLC0415 - an optional package

    return Subwords(Tokenizer.from_file(str(path)))
