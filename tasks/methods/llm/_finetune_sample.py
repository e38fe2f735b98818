"""Drawing from a causal language model, many texts at once, by a random generator that is handed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Rows of a batch that have ended are dropped from it when so many of them have.
_SHRINK = 0.75


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw: temperature 0 takes the likeliest token, top_k 0 and top_p 1 leave all of them in."""

    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    rows: int


def sample(
    model: Any, prompts: Sequence[Sequence[int]], stops: Sequence[int], sampling: Sampling, rng: np.random.Generator
) -> tuple[list[list[int]], list[bool]]:
    """Return the tokens that follow each prompt, without the one that ends them, and whether each came to its end."""
    import torch  # noqa: PLC0415 - heavy

    generator = torch.Generator(model.device).manual_seed(int(rng.integers(2**62)))
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    out: list[list[int]] = [[] for _ in prompts]
    ended = [False] * len(prompts)
    for start in range(0, len(order), sampling.rows):
        places = order[start : start + sampling.rows]
        with torch.inference_mode():
            written = _batch(model, [prompts[place] for place in places], stops, sampling, generator)
        for place, tokens in zip(places, written, strict=True):
            end = next((at for at, token in enumerate(tokens) if token in stops), None)
            out[place], ended[place] = tokens[:end], end is not None
    return out, ended


def _batch(
    model: Any, prompts: Sequence[Sequence[int]], stops: Sequence[int], sampling: Sampling, generator: Any
) -> list[list[int]]:
    """Return what follows each prompt, up to `max_tokens`; padded on the left, with one cache of keys and values."""
    import torch  # noqa: PLC0415 - heavy
    from transformers import DynamicCache  # noqa: PLC0415 - heavy

    width = max(map(len, prompts))
    pad = [width - len(prompt) for prompt in prompts]
    ids = torch.tensor([[0] * gap + list(p) for gap, p in zip(pad, prompts, strict=True)], device=model.device)
    mask = torch.arange(width, device=model.device) >= torch.tensor(pad, device=model.device)[:, None]
    mask, positions = mask.long(), (mask.long().cumsum(1) - 1).clamp(min=0)
    stop = torch.tensor(sorted(stops), device=model.device)
    cache, rows = DynamicCache(config=model.config), torch.arange(len(prompts))
    alive = torch.ones(len(prompts), dtype=torch.bool, device=model.device)
    written: list[list[int]] = [[] for _ in prompts]
    for _ in range(sampling.max_tokens):
        logits = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, logits_to_keep=1
        ).logits[:, -1]
        tokens = _draw(logits.float(), sampling, generator)
        for row, token, live in zip(rows.tolist(), tokens.tolist(), alive.tolist(), strict=True):
            if live:
                written[row].append(token)
        alive &= ~torch.isin(tokens, stop)
        if not alive.any():
            break
        ids, positions = tokens[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        if alive.float().mean() < _SHRINK:
            cache.batch_select_indices(alive.nonzero()[:, 0])
            ids, positions, mask, rows = (part[alive.to(part.device)] for part in (ids, positions, mask, rows))
            alive = alive[alive]
    return written


def _draw(logits: Any, sampling: Sampling, generator: Any) -> Any:
    """Return a token a row: (rows, vocabulary) → (rows,)."""
    import torch  # noqa: PLC0415 - heavy

    if sampling.temperature == 0:
        return logits.argmax(-1)
    logits = logits / sampling.temperature
    if sampling.top_k:
        least = logits.topk(min(sampling.top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if sampling.top_p < 1:
        ranked, places = logits.sort(descending=True)
        likely = ranked.softmax(-1)
        ranked = ranked.masked_fill(likely.cumsum(-1) - likely >= sampling.top_p, -torch.inf)
        drawn = torch.multinomial(ranked.softmax(-1), 1, generator=generator)
        return places.gather(1, drawn)[:, 0]
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
