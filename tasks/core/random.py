"""Counter-based random streams: a stream is a pure function of (run seed, stage, shard).

Philox (Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405) needs no state to be carried from one shard to the
next, so shards can be made in any order, on any number of workers, with the same bytes.
"""

import hashlib

import numpy as np
import numpy.typing as npt

# Above this many values a random draw hits the same one twice so rarely that a permutation buys nothing.
MAX_PERMUTED = 2**62
_ROUNDS = 6


def stream_key(run_seed: int, stage: str, shard: int | None = None) -> int:
    """Return the 128-bit Philox key of a shard's stream; of the whole stage where `shard` is None."""
    text = f"{run_seed}\x1f{stage}\x1f{'' if shard is None else shard}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def stream(run_seed: int, stage: str, shard: int | None = None) -> np.random.Generator:
    """Return the generator of a shard's stream."""
    return np.random.Generator(np.random.Philox(key=stream_key(run_seed, stage, shard)))


def permuted(indices: npt.NDArray[np.uint64], total: int, key: int) -> npt.NDArray[np.uint64]:
    """Return where a keyed permutation of range(total) sends each of `indices` (uint64, each below `total`).

    A balanced Feistel network over the next even number of bits, walked along its cycle until the value falls below
    `total` (Black & Rogaway 2002, "Ciphers with arbitrary finite domains"): any part of a shuffled range, in any order,
    without holding the range. `total` is at most MAX_PERMUTED.
    """
    if not 0 < total <= MAX_PERMUTED:
        raise ValueError(f"total {total} is outside 1..{MAX_PERMUTED}")
    half = max(1, ((total - 1).bit_length() + 1) // 2)
    round_keys = np.random.Generator(np.random.Philox(key=key)).integers(0, 2**64, _ROUNDS, dtype=np.uint64)
    out = _feistel(indices.astype(np.uint64), half, round_keys)
    outside = np.flatnonzero(out >= total)
    while outside.size:
        out[outside] = _feistel(out[outside], half, round_keys)
        outside = outside[out[outside] >= total]
    return out


def _feistel(values: npt.NDArray[np.uint64], half: int, round_keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = values >> shift, values & mask
    for key in round_keys:
        left, right = right, left ^ (_mix(right + key) & mask)
    return (left << shift) | right


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the finaliser of splitmix64 (Steele et al. 2014, https://doi.org/10.1145/2660193.2660195)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
