"""The draws of a VAE: latent vectors from the prior, near seeds or between them, and the texts that they give."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from tasks.core.method import Draw, Made
from tasks.methods.models._folder import copied
from tasks.methods.models._networks import Sampling, threads
from tasks.methods.models._params import made
from tasks.methods.models._vae import Model, load

Reals = npt.NDArray[np.float64]


def sampled(seeds: pa.RecordBatch | None, params: Any, draw: Draw) -> Made:
    """Return `draw.count` texts of the model of a draw, on one thread: the same stream gives the same bytes."""
    model = load(draw.model)
    temperature = params.temperature or model.temperature
    sampling = Sampling(temperature, params.top_k, params.top_p)
    facts: dict[str, Any] = {"mode": params.mode, "temperature": temperature}
    with threads(1):
        noise = torch.Generator().manual_seed(int(draw.rng.integers(2**63)))
        if seeds is None or params.mode == "prior":
            texts = model.writer.texts(model.writer.prior(draw.count, noise), sampling, noise)
            return _made(texts, params, draw, [facts] * len(texts))
        given = pc.fill_null(seeds.column("text"), "").to_pylist()
        means, spreads = model.writer.means(given)
        if params.mode == "neighbours":
            latent, shown = _near(means, spreads, params.distance, noise)
            others = None
        else:
            latent, shown, others = _between(means, seeds.column("id"), model, draw.rng)
        texts = model.writer.texts(latent, sampling, noise)
    ids = _seed_ids(seeds.column("id"), others)
    return _made(texts, params, draw, [{**facts, **one} for one in shown], given=given, seed_ids=ids)


def _near(
    means: Tensor, spreads: Tensor, distance: float, noise: torch.Generator
) -> tuple[Tensor, list[dict[str, float]]]:
    """Return latent vectors around means, and how far from them each is."""
    step = distance * spreads * torch.randn(means.shape, generator=noise)
    return means + step, [{"distance": round(far, 3)} for far in step.norm(dim=1).tolist()]


def _between(
    means: Tensor, ids: pa.Array, model: Model, rng: np.random.Generator
) -> tuple[Tensor, list[dict[str, float]], list[str]]:
    """Return latent vectors on the lines from means to other seeds, the place on the line, and those seeds' ids."""
    rows = len(means)
    place = rng.integers(len(model.anchor_ids), size=rows)
    # A seed is not its own partner, unless it is the only one there is.
    same = np.array([model.anchor_ids[at] for at in place]) == np.array(ids.to_pylist())
    place = np.where(same, (place + 1) % len(model.anchor_ids), place)
    weights = rng.uniform(size=rows)
    share = torch.from_numpy(weights.astype(np.float32))[:, None]
    latent = (1 - share) * means + share * torch.from_numpy(model.anchors[place])
    return latent, [{"weight": round(float(w), 3)} for w in weights], [model.anchor_ids[at] for at in place]


def _seed_ids(ids: pa.Array, others: list[str] | None) -> pa.Array:
    pairs = [[one] for one in ids.to_pylist()]
    if others is not None:
        pairs = [one if other == one[0] else [*one, other] for one, other in zip(pairs, others, strict=True)]
    return pa.array(pairs, pa.list_(pa.string()))


def _made(
    texts: list[str],
    params: Any,
    draw: Draw,
    facts: list[dict[str, Any]],
    *,
    given: list[str] | None = None,
    **columns: Any,
) -> Made:
    repeated = copied(draw.model, texts) if params.reject_copied else None
    found = made(texts, repeated, facts, **columns)
    if given is None or all(text.strip() for text in given):
        return found
    batch = found.records
    at = batch.schema.get_field_index("reason")
    without = pa.array([not text.strip() for text in given])
    reason = pc.if_else(without, pa.scalar("no_text"), batch.column("reason"))
    return Made(batch.set_column(at, "reason", reason))
