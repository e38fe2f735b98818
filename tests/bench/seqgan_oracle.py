"""The synthetic test of SeqGAN: a random LSTM writes the data, and says how likely it finds what a generator writes.

Source: Yu et al. 2017, SeqGAN, section 4 (https://arxiv.org/abs/1609.05473): 5,000 words, texts of 20 of them, 10,000
texts to learn from; NLL_oracle of a word 9.038 by likelihood alone, 8.736 by SeqGAN.

`python -m tests.bench.seqgan_oracle` trains by likelihood, then against the judge, and writes out/oracle.png; `STEPS
GAME_STEPS` after it make it shorter. Generator, judge, losses and loop are those of the method `gan`.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from tasks.curves import picture
from tasks.methods.models._gan_adversarial import credits_of, judge_loss, policy_loss
from tasks.methods.models._likelihood import Reader, likelihood_phase
from tasks.methods.models._networks import (
    Decoder,
    Discriminator,
    Sampling,
    as_ids,
    build,
    generator,
    sample,
    text_losses,
    threads,
)
from tasks.methods.models._train import Look, Loop, Phase, Rows, Turn, train
from tasks.methods.models._vocabulary import MARKS, Encoded

_WORDS, _WIDTH, _LENGTH, _TEXTS = 5_000, 32, 20, 10_000
_CPU = torch.device("cpu")
_LOOK_TEXTS = 2_000
_BATCH = 64
_ROLLOUTS = 4


class Endless(Decoder):
    """An LSTM as SeqGAN has it: its output layer is apart from its embeddings, and it never ends a text."""

    def __init__(self) -> None:
        super().__init__(_WORDS + len(MARKS), _WIDTH, layers=1, cell="lstm", context=0, drop=0.0)
        self.out = nn.Linear(_WIDTH, _WORDS + len(MARKS))

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits of every word, none for the end."""
        return _endless(self.out(hidden))


def _endless(logits: Tensor) -> Tensor:
    barred = logits.new_zeros(logits.shape[-1])
    barred[: len(MARKS)] = -1e4
    return logits + barred


def oracle() -> Endless:
    """Return the oracle, always the same: all its weights are drawn from N(0, 1)."""
    made = build(Endless, generator(_CPU, 88), _CPU)
    noise = generator(_CPU, 89)
    with torch.no_grad():
        for _, weight in sorted(made.named_parameters()):
            weight.normal_(generator=noise)
    return made.eval()


def written(network: Decoder, texts: int, noise: torch.Generator) -> Tensor:
    """Return texts of a network, with nothing after their last word: (texts, length)."""
    blocks = [sample(network, 500, _LENGTH, Sampling(), noise)[:, :_LENGTH] for _ in range(texts // 500)]
    return torch.cat(blocks)


@torch.no_grad()
def nll_oracle(judge: Endless, ids: Tensor) -> float:
    """Return how unlikely the oracle finds a word of some texts, in nats."""
    whole = nn.functional.pad(ids, (1, 0), value=1)
    return float(text_losses(judge, whole).mean() / _LENGTH)


class Game:
    """Likelihood training, the judge's and the game's, with a look through the oracle's eyes."""

    def __init__(self, steps: int, game_steps: int) -> None:
        self.oracle = oracle()
        self.writer = build(Endless, generator(_CPU, 1), _CPU)
        self.judge = build(lambda: Discriminator(_WORDS + 4, 64, filters=64, drop=0.25), generator(_CPU, 2), _CPU)
        self.texts = self._reader(_TEXTS, 3)
        self.params = SimpleNamespace(rate=1e-2, batch=_BATCH, max_steps=steps)
        self.game_steps = game_steps

    def _reader(self, texts: int, seed: int) -> Reader:
        ids = as_ids(written(self.oracle, texts, generator(_CPU, seed)))
        return Reader(Encoded(ids.reshape(-1), np.arange(texts + 1, dtype=np.int64) * _LENGTH), _LENGTH - 1, _CPU)

    def phases(self) -> list[Phase]:
        """Return likelihood training until it is at its best for the oracle, the judge's, then the game."""
        first = likelihood_phase(self.writer, "writer", self.texts, self._reader(1_000, 4), self.params)
        every = max(1, self.params.max_steps // 30)
        first = replace(first, look=self._look, look_every=every, patience=4)
        lengths = self.texts.texts.lengths
        judging = Phase(
            "judge",
            [Turn("judge", self._judge_loss, 1e-3)],
            lengths,
            _BATCH,
            min(300, self.params.max_steps),
            self._stay,
            100,
            99,
        )
        turns = [Turn("writer", self._game_loss, 2e-3, decay=0.0, falls=False)]
        turns += [Turn("judge", self._judge_loss, 5e-4, falls=False)] * 3
        every = 4 * max(1, self.game_steps // 20)
        game = Phase("game", turns, lengths, _BATCH, 4 * self.game_steps, self._look, every, 99, look_first=True)
        return [first, judging, game]

    def _look(self, _at: int) -> Look:
        found = nll_oracle(self.oracle, written(self.writer, _LOOK_TEXTS, generator(_CPU, 5)))
        return Look(found, {"NLL of a word/by the oracle": found})

    def _stay(self, at: int) -> Look:
        return Look(-at, {})

    def _judge_loss(self, rows: Rows, _at: int, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
        fake = sample(self.writer, len(rows), _LENGTH, Sampling(), noise)[:, :_LENGTH]
        loss, right = judge_loss(self.judge, self.texts.batch(rows)[:, 1:], fake, noise)
        return loss, {"told right/train": right}

    def _game_loss(self, rows: Rows, _at: int, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
        ids = sample(self.writer, len(rows), _LENGTH, Sampling(), noise)[:, :_LENGTH]
        credit = credits_of(self.writer, self.judge, ids, rollouts=_ROLLOUTS, longest=_LENGTH, noise=noise)
        return policy_loss(self.writer, ids, credit, 0.0)[0], {}


def main(steps: int, game_steps: int) -> None:
    """Train, and print what the oracle says of likelihood training and of the game."""
    game, started = Game(steps, game_steps), time.process_time()
    own = nll_oracle(game.oracle, written(game.oracle, _LOOK_TEXTS, generator(_CPU, 6)))
    said = [0.0]

    def progress(share: float, words: str) -> None:
        if time.monotonic() - said[0] > 30:
            said[0] = time.monotonic()
            sys.stderr.write(f"{share:5.0%} {words}\n")

    scratch = Path("out/oracle")
    loop = Loop({"writer": game.writer, "judge": game.judge}, 1, f"oracle {steps} {game_steps}", scratch, progress)
    state = train(loop, game.phases())
    curve = state.curves["NLL of a word/by the oracle"]
    ends = [value for at, value in curve if at <= state.curves["told right/train"][0][0]], [value for _, value in curve]
    Path("out/oracle.png").write_bytes(picture(state.curves))
    print("| NLL_oracle of a word | ours | published |\n|---|--:|--:|")
    print(f"| the oracle's own texts | {own:.3f} | |")
    print(f"| likelihood alone | {min(ends[0]):.3f} | 9.038 |")
    print(f"| after the game | {min(ends[1]):.3f} | 8.736 |")
    print(f"{(time.process_time() - started) / 60:.1f} CPU minutes")


if __name__ == "__main__":
    with threads(1):
        main(*(int(value) for value in [*sys.argv[1:], "4000", "300"][:2]))
