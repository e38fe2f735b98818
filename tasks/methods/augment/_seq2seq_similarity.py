"""How near two texts are: cosine of character n-grams, or of a sentence model's vectors."""

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.methods.augment._seq2seq_place import located

# (pairs of texts) -> cosine of each pair
Similarity = Callable[[Sequence[str], Sequence[str]], npt.NDArray[np.float64]]

_SIZES = (2, 3, 4)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_BATCH = 64


def ngram_cosine(lefts: Sequence[str], rights: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the cosine of the root counts of character 2- to 4-grams of each pair, case and runs of spaces aside."""
    return np.array([_cosine(_grams(left), _grams(right)) for left, right in zip(lefts, rights, strict=True)])


@lru_cache(maxsize=4096)
def _grams(text: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64]]:
    """Return the sorted hashes of a text's n-grams and the root of how often each occurs."""
    plain = f" {' '.join(text.casefold().split())} "
    codes = np.frombuffer(plain.encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    hashes = []
    for size in _SIZES:
        if len(codes) >= size:
            mixed = np.full(len(codes) - size + 1, np.uint64(size), np.uint64)
            for place in range(size):
                mixed = (mixed ^ codes[place : len(codes) - size + 1 + place]) * _BASE
                mixed ^= mixed >> np.uint64(29)
            hashes.append(mixed)
    grams, counts = np.unique(np.concatenate(hashes), return_counts=True)
    return grams, np.sqrt(counts.astype(np.float64))


def _cosine(
    left: tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64]],
    right: tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64]],
) -> float:
    _, ours, theirs = np.intersect1d(left[0], right[0], assume_unique=True, return_indices=True)
    length = float(np.sqrt((left[1] @ left[1]) * (right[1] @ right[1])))
    return float(left[1][ours] @ right[1][theirs]) / length if length else 0.0


@lru_cache(maxsize=2)
def sentence_model(place: str, device: str) -> Similarity:
    """Return the cosine of the mean of a model's last states, as Sentence-BERT takes it.

    Source: Reimers & Gurevych 2019 (https://arxiv.org/abs/1908.10084).
    """
    import torch  # noqa: PLC0415 - heavy
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415 - heavy

    name, revision = located(place)
    tokenizer: Any = AutoTokenizer.from_pretrained(name, revision=revision)
    model: Any = AutoModel.from_pretrained(name, revision=revision, dtype=torch.float32)
    wanted = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(wanted).eval()
    # Fast tokenizers cannot be used by two threads at once (huggingface/tokenizers#537).
    lock = threading.Lock()
    limit = min(512, getattr(model.config, "max_position_embeddings", 512) or 512)

    def vectors(texts: Sequence[str]) -> npt.NDArray[np.float64]:
        parts = []
        for first in range(0, len(texts), _BATCH):
            batch = tokenizer(
                list(texts[first : first + _BATCH]),
                padding=True,
                truncation=True,
                max_length=limit,
                return_tensors="pt",
            ).to(wanted)
            with torch.inference_mode():
                states = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
            shown = batch["attention_mask"].unsqueeze(-1).to(states.dtype)  # (batch, time, 1)
            mean = (states * shown).sum(1) / shown.sum(1)  # (batch, hidden)
            parts.append(torch.nn.functional.normalize(mean, dim=-1).cpu().numpy().astype(np.float64))
        return np.concatenate(parts) if parts else np.zeros((0, 1))

    def cosine(lefts: Sequence[str], rights: Sequence[str]) -> npt.NDArray[np.float64]:
        with lock:
            return (vectors(lefts) * vectors(rights)).sum(axis=1)

    return cosine
