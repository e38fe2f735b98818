"""The embedded paraphraser: a small T5, trained on the spot on pairs of the synchronous grammar.

Source: Raffel et al. 2020, Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer
(https://arxiv.org/abs/1910.10683)
"""

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.artifact import artifact
from tasks.core.errors import ShardError
from tasks.methods.augment._synchronous import pairs
from tasks.methods.augment._synchronous_desk import DESK, desk

# Part of the artifact's name: raise it when the same arguments would give other weights.
_VERSION = 1
# Slots are written as the grammar writes them.
OPENER = "QX"
_SLOTS = 8
_MARK = "▁"
# Steps of a run whose pairs are sorted by length before they are cut into batches: less padding.
_WINDOW = 8
_building = threading.Lock()


@dataclass(frozen=True, slots=True)
class Training:
    """How the embedded model is trained: the defaults are those of the figures in the tests' benchmark."""

    steps: int = 350
    batch: int = 64
    rate: float = 4e-3
    matrix_rate: float = 1e-2
    width: int = 128
    layers: int = 2
    heads: int = 4
    seed: int = 20


def embedded(training: Training) -> Path:
    """Return the directory of the embedded model, trained where no run on this machine has done so yet."""
    with _building:
        return artifact("paraphrase", [_VERSION, DESK, asdict(training)], lambda folder: _apart(folder, training))


def _apart(folder: Path, training: Training) -> None:
    """Train in a process of its own with one thread: sums, and so the weights, depend on the number of threads."""
    code = "import sys; from tasks.methods.augment._seq2seq_train import main; main(*sys.argv[1:])"
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own text
        [sys.executable, "-c", code, str(folder), json.dumps(asdict(training))],
        env={**os.environ, **one_thread, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise ShardError(f"training the embedded paraphraser failed ({done.returncode}): {last}")


def main(folder: str, training: str) -> None:
    """Train into a folder as the JSON of a Training says; what the process of `_apart` runs."""
    train(Path(folder), Training(**json.loads(training)))


def train(folder: Path, training: Training) -> None:
    """Train a model and write it, with its tokenizer, into `folder`."""
    source = pairs(desk(), np.random.default_rng(training.seed))
    rows = list(itertools.islice(source, training.steps * training.batch))
    tokenizer = _tokenizer([text for row in rows for text in row])
    model = _model(len(tokenizer), training)
    _fit(model, tokenizer, rows, training)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer(texts: Sequence[str]) -> Any:
    """Return a tokenizer of whole words: a word that the grammar does not have is unknown, and so is its text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors  # noqa: PLC0415 - heavy
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 - heavy

    split = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(_MARK), pre_tokenizers.Punctuation("isolated")])
    slots = [f"{mark}{OPENER}{number}Z" for number in range(_SLOTS) for mark in (_MARK, "")]
    words = dict.fromkeys(piece for text in dict.fromkeys(texts) for piece, _ in split.pre_tokenize_str(text))
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    vocabulary = dict.fromkeys([*marks.values(), *slots, *words])
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(vocabulary)}, marks["unk_token"]))
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.Metaspace(_MARK)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)


def _model(words: int, training: Training) -> Any:
    """Return a T5 with weights of the training's own seed; the process-wide generator of torch is left as it was."""
    import torch  # noqa: PLC0415 - heavy
    from transformers import T5Config, T5ForConditionalGeneration  # noqa: PLC0415 - heavy

    config = T5Config(
        vocab_size=words,
        d_model=training.width,
        d_kv=training.width // training.heads,
        d_ff=2 * training.width,
        num_layers=training.layers,
        num_heads=training.heads,
        relative_attention_max_distance=64,
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        model = T5ForConditionalGeneration(config)
    generator = torch.Generator().manual_seed(training.seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if weight.dim() > 1:
                weight.normal_(0.0, _spread(name, weight.shape, config), generator=generator)
    return model


def _spread(name: str, shape: Sequence[int], config: Any) -> float:
    """Return the deviation of a weight at the start, as T5 has it: its attention is not scaled, its queries are."""
    if name == "shared.weight":
        return 1.0
    if name.endswith(".q.weight"):
        return (shape[-1] * config.d_kv) ** -0.5
    if name.endswith("relative_attention_bias.weight"):
        return config.d_model**-0.5
    return shape[-1] ** -0.5


def _fit(model: Any, tokenizer: Any, rows: Sequence[tuple[str, str]], training: Training) -> None:
    import torch  # noqa: PLC0415 - heavy

    optimizers = _optimizers(model, training)
    rise = max(1, training.steps // 20)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(one, lambda at: min((at + 1) / rise, max(0.02, 1 - at / training.steps)))
        for one in optimizers
    ]
    model.train()
    for inputs, labels in _batches(tokenizer, rows, training.batch):
        labels[labels == 0] = -100
        loss = model(input_ids=inputs, attention_mask=(inputs != 0).long(), labels=labels).loss
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for one in (*optimizers, *schedules):
            one.step()
    model.eval()


def _optimizers(model: Any, training: Training) -> list[Any]:
    """Return Muon for the matrices of the layers, AdamW for the rest.

    Source: Jordan 2024, Muon (https://kellerjordan.github.io/posts/muon/): after 200 steps the loss is half of AdamW's.
    """
    import torch  # noqa: PLC0415 - heavy

    inner = {name for name, weight in model.named_parameters() if "layer." in name and weight.dim() == 2}
    inner = {name for name in inner if "relative_attention_bias" not in name}
    matrices = [weight for name, weight in model.named_parameters() if name in inner]
    others = [weight for name, weight in model.named_parameters() if name not in inner]
    return [
        torch.optim.Muon(
            matrices, lr=training.matrix_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw", ns_steps=3
        ),
        torch.optim.AdamW(others, lr=training.rate, weight_decay=0.01),
    ]


def _batches(tokenizer: Any, rows: Sequence[tuple[str, str]], size: int) -> Iterator[tuple[Any, Any]]:
    """Yield (inputs, labels), padded with 0: (batch, time)."""
    import torch  # noqa: PLC0415 - heavy

    sources, targets = (tokenizer([row[side] for row in rows])["input_ids"] for side in (0, 1))
    for start in range(0, len(rows), size * _WINDOW):
        window = sorted(range(start, min(start + size * _WINDOW, len(rows))), key=lambda row: len(sources[row]))
        # Long and short batches in turn, so that no window ends on long texts only.
        for first in range(0, len(window), size):
            places = window[first : first + size]
            yield tuple(
                torch.nn.utils.rnn.pad_sequence([torch.tensor(side[row]) for row in places], batch_first=True)
                for side in (sources, targets)
            )
