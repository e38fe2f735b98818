"""A model's own tokenizer: requests to token ids, and back."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.core.engine import Request
from tasks.core.errors import RecipeError, UserError

# Tokens of the prompt that are decoded along with the first of the answer: a space at its start depends on them.
_TAIL = 4


class Tokenizer:
    """The tokenizer of a directory or hub id, loaded when first used."""

    def __init__(self, name: str, revision: str | None = None) -> None:
        self.name = name
        self.revision = revision

    @cached_property
    def inner(self) -> Any:
        """The tokenizer of transformers; RecipeError where there is none."""
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            from transformers import AutoTokenizer  # noqa: PLC0415 - seconds
        except ImportError as exc:
            raise RecipeError(f"the tokenizer of '{self.name}' needs the package transformers: tilth[llm]") from exc
        try:
            return AutoTokenizer.from_pretrained(self.name, revision=self.revision)
        except (OSError, ValueError) as exc:
            where = "" if Path(self.name).is_dir() else " on this machine or the hub"
            raise RecipeError(f"no tokenizer in '{self.name}'{where}: {str(exc).splitlines()[0][:200]}") from exc

    def encode(self, request: Request) -> list[int]:
        """Return the token ids of a prompt; of a chat through the model's template, up to where the answer starts."""
        if not request.messages:
            return list(self.inner(request.prompt or "")["input_ids"])
        if not self.inner.chat_template:
            raise UserError(f"'{self.name}' has no chat template; ask it with a prompt instead of messages")
        turns = [{"role": role, "content": content} for role, content in request.messages]
        text = self.inner.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return list(self.inner(text, add_special_tokens=False)["input_ids"])

    def count(self, request: Request) -> int:
        """Return how many tokens a prompt has."""
        return len(self.encode(request))

    def decode(self, ids: Sequence[int], before: Sequence[int] = ()) -> str:
        """Return the text of token ids that follow those of `before`, without special tokens."""
        tail = list(before[-_TAIL:])
        head = self._text(tail)
        whole = self._text([*tail, *ids])
        return whole[len(head) :] if whole.startswith(head) else self._text(ids)

    def words(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token by itself, special tokens as they are written."""
        return [str(self.inner.decode([token], clean_up_tokenization_spaces=False)) for token in ids]

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.inner.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
