"""Steering of a model to a JSON Schema: in each step, only tokens from which a valid answer can still be reached.

llguidance says which those are (https://github.com/guidance-ai/llguidance); it is what vLLM and llama.cpp may use too.
A schema or a tokenizer that it cannot handle does not steer: the answer is validated in any case.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tasks.engines._tokenizer import Tokenizer

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

# No white space, as vLLM is told too (deployments/vllm/serve.py): a small model that may write any writes nothing else.
_FORM = {"whitespace_flexible": False}


class Guides:
    """The guides of one tokenizer; each schema is compiled once."""

    def __init__(self, tokenizer: Tokenizer, vocabulary: int, ends: Sequence[int]) -> None:
        """Set up for logits of `vocabulary` entries and the tokens that end an answer."""
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._ends = sorted(ends)
        self._inner: LLTokenizer | None = None
        self._compiled = lru_cache(maxsize=256)(self._compile)

    def guide(self, schema: str | None) -> "Guide | None":
        """Return a guide at the start of an answer; None without a schema, or where it cannot steer."""
        matcher = self._compiled(schema) if schema else None
        return Guide(matcher.deep_copy()) if matcher else None

    def _compile(self, schema: str) -> "LLMatcher | None":
        from llguidance import LLMatcher  # noqa: PLC0415 - only where a schema is given
        from llguidance.hf import from_tokenizer  # noqa: PLC0415

        if not self._tokenizer.inner.is_fast:
            return None
        if self._inner is None:
            self._inner = from_tokenizer(self._tokenizer.inner, n_vocab=self._vocabulary, eos_token=self._ends)
        grammar = LLMatcher.grammar_from_json_schema(schema, defaults=_FORM)
        matcher = LLMatcher(self._inner, grammar, log_level=0)
        return None if matcher.is_error() else matcher


class Guide:
    """Where one answer stands in its schema."""

    def __init__(self, matcher: "LLMatcher") -> None:
        self._matcher = matcher

    @property
    def whole(self) -> bool:
        """Whether the answer is complete: nothing more may come."""
        return bool(self._matcher.is_stopped()) and not self._matcher.is_error()

    def fill(self, bits: "np.ndarray[Any, np.dtype[np.int32]]", row: int) -> None:
        """Set the bits of the tokens that may come next in a row of (rows, words of 32 tokens)."""
        from llguidance.numpy import fill_next_token_bitmask  # noqa: PLC0415 - loaded by `guide`

        if not self._matcher.is_error():
            fill_next_token_bitmask(self._matcher, bits, row)

    def take(self, token: int) -> None:
        """Go on by a token. One that does not fit ends the steering."""
        self._matcher.consume_token(token)


def steered(logits: torch.Tensor, guides: Sequence[Guide | None]) -> torch.Tensor:
    """Return logits, (rows, vocabulary), with -inf at the tokens that a row's guide does not allow."""
    rows = [row for row, guide in enumerate(guides) if guide]
    if not rows:
        return logits
    size = logits.shape[-1]
    bits = np.full((len(rows), -(-size // 32)), -1, np.int32)
    for at, row in enumerate(rows):
        guide = guides[row]
        if guide:
            guide.fill(bits, at)
    banned = np.unpackbits(bits.view(np.uint8), axis=1, count=size, bitorder="little") == 0
    found = logits.clone()
    found[rows] = found[rows].masked_fill(torch.from_numpy(banned).to(logits.device), -torch.inf)
    return found
