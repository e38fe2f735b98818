"""Sequence-to-sequence models through transformers: texts in, k candidates each out, batched by length.

Sampling adds Gumbel noise of the shard's own stream to the scores and takes the largest (Maddison et al. 2014, A*
Sampling, https://arxiv.org/abs/1411.0030): transformers' own sampling draws from the process-wide generator of torch,
which other shards' threads share.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from tasks.methods.augment._seq2seq_place import located

Decode = Literal["beam", "sample"]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How candidates are decoded; `batch_tokens` is the input tokens of a batch, padding and candidates included."""

    decode: Decode = "beam"
    candidates: int = 1
    beams: int = 4
    temperature: float = 1.0
    top_p: float = 1.0
    max_input_tokens: int = 512
    batch_tokens: int = 8192


class Seq2Seq:
    """A loaded model and its tokenizer."""

    def __init__(self, name: str, revision: str | None, device: str) -> None:
        import torch  # noqa: PLC0415 - heavy
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer  # noqa: PLC0415 - heavy
        from transformers.utils import logging  # noqa: PLC0415 - heavy

        logging.disable_progress_bar()
        self._tokenizer: Any = AutoTokenizer.from_pretrained(name, revision=revision)
        model: Any = AutoModelForSeq2SeqLM.from_pretrained(name, revision=revision, dtype=torch.float32)
        wanted = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        self._model: Any = model.to(wanted).eval()
        self._lock = threading.Lock()

    def encoded(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, its end included."""
        return self._tokenizer(list(texts), verbose=False)["input_ids"] if texts else []

    def knows(self, ids: Sequence[int]) -> bool:
        """Return whether the tokenizer had a token for every part of a text."""
        unknown = self._tokenizer.unk_token_id
        return unknown is None or unknown not in ids

    def candidates(self, inputs: Sequence[list[int]], how: Decoding, rng: np.random.Generator) -> list[list[str]]:
        """Return `how.candidates` texts for each list of token ids; longer lists are cut to `max_input_tokens`."""
        found: list[list[str]] = [[] for _ in inputs]
        cut = [ids[: how.max_input_tokens] for ids in inputs]
        with self._lock:
            for rows in _batches([len(ids) for ids in cut], how):
                texts = self._generate([cut[row] for row in rows], how, rng)
                for place, row in enumerate(rows):
                    found[row] = texts[place * how.candidates : (place + 1) * how.candidates]
        return found

    def _generate(self, inputs: list[list[int]], how: Decoding, rng: np.random.Generator) -> list[str]:
        import torch  # noqa: PLC0415 - heavy

        batch = self._tokenizer.pad({"input_ids": inputs}, return_tensors="pt").to(self._model.device)
        longest = batch["input_ids"].shape[1]
        limits = {"max_new_tokens": longest + longest // 2 + 16, "max_length": None, "do_sample": False}
        with torch.inference_mode():
            if how.decode == "beam":
                beams = max(how.beams, how.candidates)
                made = self._model.generate(
                    **batch, **limits, num_beams=beams, num_return_sequences=how.candidates, early_stopping=True
                )
            else:
                repeated = {name: tensor.repeat_interleave(how.candidates, 0) for name, tensor in batch.items()}
                made = self._model.generate(**repeated, **limits, num_beams=1, logits_processor=_noise(how, rng))
        return self._tokenizer.batch_decode(made, skip_special_tokens=True)


def _noise(how: Decoding, rng: np.random.Generator) -> Any:
    """Return processors after which the largest score is a sample: temperature, nucleus, Gumbel noise."""
    import torch  # noqa: PLC0415 - heavy
    from transformers import LogitsProcessor, LogitsProcessorList  # noqa: PLC0415 - heavy
    from transformers.generation import TemperatureLogitsWarper, TopPLogitsWarper  # noqa: PLC0415 - heavy

    source = torch.Generator().manual_seed(int(rng.integers(2**63)))

    class Gumbel(LogitsProcessor):
        def __call__(self, _input_ids: Any, scores: Any) -> Any:  # (batch, vocabulary)
            uniform = torch.rand(scores.shape, generator=source).clamp_(1e-20)
            return scores - torch.log(-torch.log(uniform)).to(scores.device)

    processors: list[Any] = [TemperatureLogitsWarper(how.temperature)] if how.temperature != 1.0 else []
    if how.top_p < 1.0:
        processors.append(TopPLogitsWarper(how.top_p))
    return LogitsProcessorList([*processors, Gumbel()])


def _batches(lengths: Sequence[int], how: Decoding) -> Iterator[list[int]]:
    """Yield the rows of each batch, the shortest first."""
    rows: list[int] = []
    copies = how.candidates if how.decode == "sample" else max(how.beams, how.candidates)
    for row in np.argsort(np.array(lengths), kind="stable").tolist():
        if rows and lengths[row] * (len(rows) + 1) * copies > how.batch_tokens:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


@lru_cache(maxsize=4)
def load(place: str, device: str) -> Seq2Seq:
    """Return the model at a place, loaded once in a process."""
    name, revision = located(place)
    return Seq2Seq(name, revision, device)
