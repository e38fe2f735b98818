"""Synonyms ranked by a masked language model: how likely each is where it would stand.

After Salazar et al. 2020, Masked Language Model Scoring (https://aclanthology.org/2020.acl-main.240/), for the new word
alone: the mean log-probability of its pieces, all masked at once.
"""

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tasks.core.errors import RecipeError
from tasks.methods.augment._chars import Ints
from tasks.methods.augment._seq2seq_place import check_packages, located
from tasks.methods.augment._synonyms import Fits
from tasks.methods.augment._words import Words

_BATCH = 64
# Code points of context on either side; together they stay below what the usual 512 positions hold.
CONTEXT = 200


class Ranker:
    """A loaded masked language model."""

    def __init__(self, name: str, revision: str | None) -> None:
        import torch  # noqa: PLC0415 - heavy
        from transformers import AutoModelForMaskedLM, AutoTokenizer  # noqa: PLC0415 - heavy
        from transformers.utils import logging  # noqa: PLC0415 - heavy

        logging.disable_progress_bar()
        self._tokenizer: Any = AutoTokenizer.from_pretrained(name, revision=revision)
        self._model: Any = AutoModelForMaskedLM.from_pretrained(name, revision=revision, dtype=torch.float32).eval()
        self._lock = threading.Lock()

    def scores(self, around: Sequence[tuple[str, str]], options: Sequence[Sequence[str]]) -> list[list[float]]:
        """Return the score of each option between the texts to its left and right; higher is likelier."""
        pieces = [[self._pieces(option) for option in row] for row in options]
        asked = sorted({(row, len(ids)) for row, found in enumerate(pieces) for ids in found})
        # Alike long ones together: less padding.
        asked.sort(key=lambda ask: (sum(map(len, around[ask[0]])), ask))
        found: dict[tuple[int, int], Any] = {}
        with self._lock:
            for low in range(0, len(asked), _BATCH):
                found.update(self._predicted(asked[low : low + _BATCH], around))
        return [[_score(found[row, len(ids)], ids) for ids in each] for row, each in enumerate(pieces)]

    def _pieces(self, option: str) -> list[int]:
        # With a space before it, as in a text: byte-level vocabularies tell the two apart.
        return self._tokenizer(f" {option}", add_special_tokens=False)["input_ids"]

    def _predicted(self, asked: list[tuple[int, int]], around: Sequence[tuple[str, str]]) -> dict[tuple[int, int], Any]:
        import torch  # noqa: PLC0415 - heavy

        mask, number = self._tokenizer.mask_token, self._tokenizer.mask_token_id
        texts = [f"{around[row][0]}{' '.join([mask] * many)}{around[row][1]}" for row, many in asked]
        batch = self._tokenizer(texts, return_tensors="pt", padding=True, truncation=True)
        with torch.inference_mode():
            logits = self._model(**batch).logits.log_softmax(-1)  # (batch, positions, vocabulary)
        masked = batch["input_ids"] == number
        return {ask: logits[place][masked[place]].numpy() for place, ask in enumerate(asked)}


def _score(predicted: Any, ids: list[int]) -> float:
    """Return the mean log-probability; -inf where the context was too long for all masks to be seen."""
    if not ids or len(predicted) != len(ids):
        return float("-inf")
    return float(np.mean(predicted[np.arange(len(ids)), ids]))


@lru_cache(maxsize=2)
def ranker(place: str) -> Ranker:
    """Return the model at a place, loaded once in a process."""
    name, revision = located(place)
    return Ranker(name, revision)


def likeliest(words: Words, fits: Fits, chosen: Ints, place: str, *, top_k: int, dice: Any) -> Ints:
    """Return for each chosen place one of the `top_k` options that fit best there, by its die in [0, 1)."""
    spread = [range(at, at + many) for at, many in zip(fits.at[chosen], fits.many[chosen], strict=True)]
    texts = [[fits.options[number] for number in numbers] for numbers in spread]
    # One option needs no ranking.
    open_ = [row for row, numbers in enumerate(spread) if len(numbers) > top_k]
    around = _contexts(words, fits.places[chosen[open_]])
    scores = ranker(place).scores(around, [texts[row] for row in open_])
    for row, found in zip(open_, scores, strict=True):
        order = sorted(range(len(found)), key=lambda number: (-found[number], number))
        spread[row] = [spread[row][number] for number in order[:top_k]]
    return np.array([numbers[int(die * len(numbers))] for numbers, die in zip(spread, dice, strict=True)], np.int64)


def _contexts(words: Words, places: Ints) -> list[tuple[str, str]]:
    """Return the text to the left and to the right of each place, within its row."""
    found = []
    for place in places.tolist():
        low, high = words.bounds[words.row[place]], words.bounds[words.row[place] + 1]
        left = words.data[max(low, words.start[place] - 4 * CONTEXT) : words.start[place]]
        right = words.data[words.end[place] : min(high, words.end[place] + 4 * CONTEXT)]
        parts = [bytes(part).decode("utf-8", "ignore") for part in (left, right)]
        found.append((parts[0][-CONTEXT:], parts[1][:CONTEXT]))
    return found


def check_ranker(place: str) -> None:
    """Raise RecipeError where there is no masked language model at a place; reads its configuration only."""
    check_packages("mlm", instead="leave mlm out")
    from transformers import AutoConfig  # noqa: PLC0415 - heavy
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES  # noqa: PLC0415 - heavy

    name, revision = located(place)
    try:
        config = AutoConfig.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise RecipeError(f"cannot read model '{name}': {reason}; give a directory or a hub id") from exc
    if config.model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise RecipeError(f"model '{name}' ({config.model_type}) is no masked language model, as BERT, RoBERTa are")
