"""A trained model as a folder: weights, vocabulary, what it was built from, and the seeds it must not repeat."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xxhash
from torch import nn

from tasks.methods.models._vocabulary import Vocabulary


def save(folder: Path, networks: Mapping[str, nn.Module], about: Mapping[str, Any], vocabulary: Vocabulary) -> None:
    """Write weights (on the CPU), the facts to build the networks again, and the vocabulary."""
    weights = {name: {k: v.cpu() for k, v in network.state_dict().items()} for name, network in networks.items()}
    torch.save(weights, folder / "weights.pt")
    (folder / "model.json").write_text(json.dumps(dict(about), indent=2) + "\n", encoding="utf-8")
    vocabulary.save(folder / "vocabulary.json")


def load_parts(folder: Path) -> tuple[dict[str, Any], dict[str, Any], Vocabulary]:
    """Return weights by network, the facts, and the vocabulary."""
    weights = torch.load(folder / "weights.pt", map_location="cpu", weights_only=True)
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return weights, about, Vocabulary.load(folder / "vocabulary.json")


def save_known(folder: Path, texts: Sequence[str]) -> None:
    """Write a 64-bit hash of each seed's words, sorted: what tells a copy from a new text."""
    np.save(folder / "known.npy", np.unique(_hashes(texts)))


def copied(folder: Path, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which texts repeat a seed of the model, case and spaces aside."""
    known = _known(folder)
    hashes = _hashes(texts)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return known[at] == hashes


def _hashes(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    digest = xxhash.xxh3_64_intdigest
    return np.array([digest(" ".join(text.casefold().split()).encode()) for text in texts], np.uint64)


@lru_cache(maxsize=4)
def _known(folder: Path) -> npt.NDArray[np.uint64]:
    return np.load(folder / "known.npy")
