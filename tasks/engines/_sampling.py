"""The next token of each row of a batch, by that row's own sampling parameters and seed.

A token is drawn by inversion: the row's uniform number, a function of (seed, position) alone, falls into the cumulated
distribution. So a request gets the same answer whichever batch it is decoded in, up to the rounding of the logits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from tasks.core.engine import Request
from tasks.core.errors import UserError, choices

DEFAULT_MAX_TOKENS: Final = 256
_KNOWN: Final = frozenset(
    ("temperature", "top_p", "top_k", "min_p", "max_tokens", "seed", "stop", "logprobs", "ignore_eos")
)
_FIRST = 256  # most probable tokens that are sorted first: they nearly always hold the nucleus


@dataclass(frozen=True, slots=True)
class Options:
    """The sampling parameters of one request, complete."""

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    max_tokens: int
    seed: int
    stop: tuple[str, ...]
    logprobs: int | None
    ignore_eos: bool


def options(request: Request) -> Options:
    """Return the sampling parameters of a request; UserError for an unknown one or a value out of range.

    What is not given is 1 for temperature and top_p, off for top_k and min_p, 256 for max_tokens. A request without a
    seed has one that follows from its text.
    """
    given: Mapping[str, Any] = dict(request.sampling)
    for name in given:
        if name not in _KNOWN:
            raise UserError(f"transformers does not sample by '{name}'{choices(name, _KNOWN)}")
    stop = given.get("stop") or ()
    logprobs = given.get("logprobs")
    seed = given.get("seed")
    try:
        found = Options(
            temperature=float(given.get("temperature", 1.0)),
            top_p=float(given.get("top_p", 1.0)),
            top_k=max(0, int(given.get("top_k", 0))),
            min_p=float(given.get("min_p", 0.0)),
            max_tokens=int(given.get("max_tokens", DEFAULT_MAX_TOKENS)),
            seed=int(request.digest(""), 16) % 2**64 if seed is None else int(seed) % 2**64,
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
            logprobs=None if logprobs is None or logprobs is False else (0 if logprobs is True else int(logprobs)),
            ignore_eos=bool(given.get("ignore_eos", False)),
        )
    except (TypeError, ValueError) as exc:
        raise UserError(f"a sampling parameter cannot be read: {exc}") from exc
    _check(found)
    return found


def _check(found: Options) -> None:
    allowed = (
        ("temperature", found.temperature, 0.0 <= found.temperature < float("inf"), "0 or more"),
        ("top_p", found.top_p, 0.0 < found.top_p <= 1.0, "over 0, at most 1"),
        ("min_p", found.min_p, 0.0 <= found.min_p <= 1.0, "0 to 1"),
        ("max_tokens", found.max_tokens, found.max_tokens >= 1, "1 or more"),
    )
    for name, value, good, want in allowed:
        if not good:
            raise UserError(f"{name} is {value}; it must be {want}")


def uniforms(seeds: npt.NDArray[np.uint64], positions: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each (seed, position): splitmix64, mixed twice.

    Source: Steele et al. 2014 (https://doi.org/10.1145/2660193.2660195).
    """
    mixed = _mix(_mix(seeds) + positions * np.uint64(0x9E3779B97F4A7C15))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class Sampler:
    """Draws for the rows of one batch; made anew when the rows change."""

    def __init__(self, rows: Sequence[Options], device: torch.device) -> None:
        def column(values: Sequence[float]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)[:, None]

        self._device = device
        self._seeds = np.array([row.seed for row in rows], np.uint64)
        self._greedy = torch.tensor([row.temperature == 0 for row in rows], device=device)
        self._all_greedy = all(row.temperature == 0 for row in rows)
        self._some_greedy = any(row.temperature == 0 for row in rows)
        self._temperature = column([row.temperature or 1.0 for row in rows])
        self._plain_temperature = all(row.temperature in {0.0, 1.0} for row in rows)
        self._top_k = [row.top_k for row in rows] if any(row.top_k for row in rows) else None
        self._top_p = column([row.top_p for row in rows]) if any(row.top_p < 1 for row in rows) else None
        self._min_p = column([row.min_p for row in rows]) if any(row.min_p for row in rows) else None

    def draw(self, logits: torch.Tensor, positions: npt.NDArray[np.uint64]) -> torch.Tensor:
        """Return the next token of each row, (rows,), from logits, (rows, vocabulary), in float32.

        `positions` counts the tokens that a row has drawn before.
        """
        if self._all_greedy:
            return logits.argmax(-1)
        scaled = logits if self._plain_temperature else logits / self._temperature
        kept = self._filtered(torch.softmax(scaled, -1))
        cumulated = kept.cumsum(-1, dtype=torch.float64)
        at = torch.from_numpy(uniforms(self._seeds, positions)).to(self._device)[:, None] * cumulated[:, -1:]
        drawn = torch.searchsorted(cumulated, at, right=True)[:, 0].clamp_(max=logits.shape[-1] - 1)
        return torch.where(self._greedy, logits.argmax(-1), drawn) if self._some_greedy else drawn

    def _filtered(self, share: torch.Tensor) -> torch.Tensor:
        """Return the distribution with zeros for what min_p, top_k and top_p (in that order) leave out."""
        if self._min_p is not None:
            share = share.masked_fill(share < self._min_p * share.amax(-1, keepdim=True), 0.0)
        if self._top_k is not None:
            share = _top_k(share, self._top_k)
        return share if self._top_p is None else _top_p(share, self._top_p)


def _top_k(share: torch.Tensor, top_k: Sequence[int]) -> torch.Tensor:
    size = share.shape[-1]
    wanted = [min(k, size) if k else size for k in top_k]
    most = max((k for k in wanted if k < size), default=0)
    if not most:
        return share
    best = share.topk(most, -1).values
    at = torch.tensor([min(k, most) - 1 for k in wanted], device=share.device)[:, None]
    least = best.gather(-1, at)
    free = torch.tensor([k >= size for k in wanted], device=share.device)[:, None]
    return share.masked_fill((share < least) & ~free, 0.0)


def _top_p(share: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Return the nucleus: the most probable tokens up to and with the one that fills `top_p`."""
    size = share.shape[-1]
    wanted = top_p * share.sum(-1, keepdim=True)
    best = share.topk(min(_FIRST, size), -1).values
    if size > _FIRST and bool(((best.sum(-1, keepdim=True) < wanted) & (top_p < 1)).any()):
        best = share.sort(-1, descending=True).values
    before = best.cumsum(-1) - best
    last = ((before < wanted).sum(-1, keepdim=True) - 1).clamp_(min=0)
    return share.masked_fill((share < best.gather(-1, last)) & (top_p < 1), 0.0)
