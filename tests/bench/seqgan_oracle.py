"""The synthetic test of SeqGAN: a random LSTM writes the data, and says how likely it finds what a generator writes.

Source: Yu et al. 2017, SeqGAN, section 4 (https://arxiv.org/abs/1609.05473): 5,000 words, texts of 20 of them, 10,000
texts to learn from; NLL_oracle of a word 9.038 by likelihood alone, 8.736 by SeqGAN.

`python -m tests.bench.seqgan_oracle` trains by likelihood, then against the judge, and writes out/oracle.png; `STEPS
GAME_STEPS` after it make it shorter. Generator, judge, losses and loop are those of the method `gan`, but the reward
has no baseline, as in the paper. The oracle says when likelihood training is at its best. It has no part in the game,
whose steps are fixed: what is printed is its end and, called that, its best look.

NLL_oracle falls for whatever makes texts less diverse, so two rows say what the judge is good for: the same game with a
judge that says the same of every text, and likelihood's own texts, sampled as cold as makes them no more diverse than
those after the game.
"""

import copy
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
from tasks.methods.models._gan_adversarial import judge_loss, policy_loss, prefix_values
from tasks.methods.models._likelihood import Reader, likelihood_loss, likelihood_phase, nll_of_a_word
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
from tasks.methods.models._vocabulary import BOS, MARKS, Encoded

_WORDS, _WIDTH, _LENGTH, _TEXTS = 5_000, 32, 20, 10_000
_CPU = torch.device("cpu")
_LOOK_TEXTS = 2_000
_BATCH = 64
_ROLLOUTS = 4
# Texts whose prefixes are finished in one batch: with more, logits of 5,000 words leave the cache.
_AT_ONCE = 8
_JUDGE_STEPS = 800
_JUDGE_TURNS = 6
_GAME_RATE = 4e-3
_ORACLE, _SELF, _HELD_OUT = "NLL of a word/by the oracle", "NLL of a word/by itself", "NLL of a word/held-out"
Curves = dict[str, list[list[float]]]


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
def nll_of(network: Decoder, ids: Tensor) -> float:
    """Return how unlikely a network finds a word of some texts, in nats."""
    return float(torch.cat([text_losses(network, _begun(part)) for part in ids.split(200)]).mean() / _LENGTH)


def _begun(ids: Tensor) -> Tensor:
    return nn.functional.pad(ids, (1, 0), value=BOS)


def sharpened(network: Endless, temperature: float) -> Endless:
    """Return a copy whose samples are those of the network at a temperature."""
    made = copy.deepcopy(network)
    with torch.no_grad():
        made.out.weight /= temperature
        made.out.bias /= temperature
    return made


def as_sharp(network: Endless, nll: float) -> tuple[Endless, float]:
    """Return the network at the temperature at which a word of its own texts has an NLL of `nll`, and that."""
    low, high = 0.4, 1.2
    for _ in range(7):
        middle = (low + high) / 2
        made = sharpened(network, middle)
        low, high = (low, middle) if nll_of(made, written(made, 1_000, generator(_CPU, 7))) > nll else (middle, high)
    return made, middle


class Game:
    """Likelihood training, the judge's and the game's, with a look through the oracle's eyes."""

    def __init__(self, steps: int, game_steps: int) -> None:
        self.oracle = oracle()
        self.writer = build(Endless, generator(_CPU, 1), _CPU)
        self.judge = build(lambda: Discriminator(_WORDS + 4, 64, filters=64, drop=0.25), generator(_CPU, 2), _CPU)
        self.texts, self.held_out = self._reader(_TEXTS, 3), self._reader(1_000, 4)
        self.params = SimpleNamespace(rate=1e-2, batch=_BATCH, max_steps=steps)
        self.game_steps = game_steps

    def _reader(self, texts: int, seed: int) -> Reader:
        ids = as_ids(written(self.oracle, texts, generator(_CPU, seed)))
        return Reader(Encoded(ids.reshape(-1), np.arange(texts + 1, dtype=np.int64) * _LENGTH), _LENGTH - 1, _CPU)

    def likelihood(self) -> Phase:
        """Return likelihood training until it is at its best for the oracle."""
        first = likelihood_phase(self.writer, "writer", self.texts, self.held_out, self.params)
        every = max(1, self.params.max_steps // 30)
        return replace(first, look=self._look, look_every=every, patience=4)

    def judging(self) -> Phase:
        """Return the judge's training before the game."""
        steps = min(_JUDGE_STEPS, self.params.max_steps)
        turn = Turn("judge", self._judge_loss, 1e-3, curve="judge loss")
        return Phase("judge", [turn], self.texts.texts.lengths, _BATCH, steps, self._look_judge, max(1, steps // 5), 99)

    def playing(self, *, judged: bool) -> Phase:
        """Return the game, of a fixed number of rounds, or the game before a judge that says the same of every text."""
        loss = self._game_loss if judged else self._own_loss
        turns = [Turn("writer", loss, _GAME_RATE, decay=0.0, falls=False, curve="game loss")]
        if judged:
            turns += [Turn("judge", self._judge_loss, 5e-4, falls=False, curve="judge loss")] * _JUDGE_TURNS
        steps, every = self.game_steps * len(turns), len(turns) * max(1, self.game_steps // 10)
        lengths = self.texts.texts.lengths
        look = self._look_game if judged else self._look_last
        return Phase("game", turns, lengths, _BATCH, steps, look, every, 99, look_first=True)

    def figures(self, writer: Endless) -> dict[str, float]:
        """Return the NLL of a word of its texts by the oracle and by itself, and its NLL of held-out texts."""
        ids = written(writer, _LOOK_TEXTS, generator(_CPU, 5))
        held_out = nll_of_a_word(writer, self.held_out)
        return {_ORACLE: nll_of(self.oracle, ids), _SELF: nll_of(writer, ids), _HELD_OUT: held_out}

    def _look(self, _at: int) -> Look:
        found = self.figures(self.writer)
        return Look(found[_ORACLE], found)

    def _look_last(self, at: int) -> Look:
        """Return a look whose score is the better the later: the weights of the end are kept."""
        return Look(-at, self.figures(self.writer))

    def _look_judge(self, at: int) -> Look:
        real = self.held_out.batch(np.arange(1_000))[:, 1:]
        with torch.no_grad():
            _, right = judge_loss(self.judge, real, written(self.writer, 1_000, generator(_CPU, 8)), None)
        return Look(-at, {"told right/held-out": right})

    def _look_game(self, at: int) -> Look:
        return Look(-at, {**self._look_last(at).figures, **self._look_judge(at).figures})

    def _written(self, rows: Rows, noise: torch.Generator) -> Tensor:
        return sample(self.writer, len(rows), _LENGTH, Sampling(), noise)[:, :_LENGTH]

    def _judge_loss(self, rows: Rows, _at: int, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
        real, fake = self.texts.batch(rows)[:, 1:], self._written(rows, noise)
        loss, right = judge_loss(self.judge, real, fake, noise)
        return loss, {"told right/train": right}

    def _game_loss(self, rows: Rows, _at: int, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
        ids = self._written(rows, noise)
        parts = [
            prefix_values(self.writer, self.judge, part, 1, rollouts=_ROLLOUTS, longest=_LENGTH, noise=noise)
            for part in ids.split(_AT_ONCE)
        ]
        # No baseline: with that of `credits_of`, NLL_oracle rose from 8.93 to 8.98 in 24 rounds.
        verdicts = torch.cat(parts)[:, 1:]
        return policy_loss(self.writer, ids, verdicts, 0.0)[0], {"verdict/writer": float(verdicts[:, -1].mean())}

    def _own_loss(self, rows: Rows, _at: int, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
        """Return the loss of a policy whose reward is always the same: the likelihood of its own texts."""
        return likelihood_loss(self.writer, _begun(self._written(rows, noise)), None), {}


def trained(game: Game, name: str, phases: list[Phase]) -> Curves:
    """Train, and return the curves; goes on from where the same training was killed."""
    said = [0.0]

    def progress(share: float, words: str) -> None:
        if time.monotonic() - said[0] > 30:
            said[0] = time.monotonic()
            sys.stderr.write(f"{name}: {share:5.0%} {words}\n")

    key = f"oracle {name} {game.params.max_steps} {game.game_steps}"
    loop = Loop({"writer": game.writer, "judge": game.judge}, 1, key, Path("out/oracle") / name, progress)
    return train(loop, phases).curves


def joined(first: Curves, game: Curves, control: Curves) -> Curves:
    """Return the curves of likelihood training, of the game after it and, beside it, of the game without a judge."""
    after, begun = first[_ORACLE][-1][0], game[_ORACLE][0][0]
    curves = {name: list(points) for name, points in first.items()}
    for name, points in game.items():
        curves.setdefault(name, []).extend([after + at, value] for at, value in points)
    stretch = (game[_ORACLE][-1][0] - begun) / max(1.0, control[_ORACLE][-1][0])
    curves[f"{_ORACLE}, no judge"] = [[after + begun + stretch * at, value] for at, value in control[_ORACLE]]
    return curves


def _best_look(curves: Curves) -> dict[str, float]:
    place = int(np.argmin([value for _, value in curves[_ORACLE]]))
    return {name: curves[name][place][1] for name in (_ORACLE, _SELF, _HELD_OUT)}


def main(steps: int, game_steps: int) -> None:
    """Train, and print what the oracle says of likelihood training and of the game."""
    game, started = Game(steps, game_steps), time.process_time()
    own = nll_of(game.oracle, written(game.oracle, _LOOK_TEXTS, generator(_CPU, 6)))
    rows = {
        "the oracle's own texts": ({_ORACLE: own, _SELF: own, _HELD_OUT: nll_of_a_word(game.oracle, game.held_out)}, "")
    }

    first = trained(game, "likelihood", [game.likelihood()])
    begun = copy.deepcopy(game.writer)
    rows["likelihood alone"] = game.figures(begun), "9.038"
    played = trained(game, "game", [game.judging(), game.playing(judged=True)])
    rows["after the game"] = game.figures(game.writer), "8.736"
    rows["the game at its best look, chosen by the oracle"] = _best_look(played), ""
    cold, temperature = as_sharp(begun, rows["after the game"][0][_SELF])
    game.writer.load_state_dict(begun.state_dict())
    control = trained(game, "control", [game.playing(judged=False)])
    rows["after a game whose judge says the same of every text"] = game.figures(game.writer), ""
    rows[f"likelihood, as sharp as after the game (temperature {temperature:.2f})"] = game.figures(cold), ""

    Path("out/oracle.png").write_bytes(picture(joined(first, played, control)))
    print("| NLL of a word | by the oracle | published | by itself | of held-out texts |\n|---|--:|--:|--:|--:|")
    for name, (found, published) in rows.items():
        print(f"| {name} | {found[_ORACLE]:.3f} | {published} | {found[_SELF]:.3f} | {found[_HELD_OUT]:.3f} |")
    print(f"{(time.process_time() - started) / 60:.1f} CPU minutes")


if __name__ == "__main__":
    with threads(1):
        main(*(int(value) for value in [*sys.argv[1:], "4000", "80"][:2]))
