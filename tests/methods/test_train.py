"""The one training loop: the same weights again, after a kill as well, and what ends a training early."""

import math
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.core.errors import UserError

torch = pytest.importorskip("torch", reason="the neural generators need torch: pip install 'tilth[models]'")

from tasks.methods.models._networks import Decoder, build, generator  # noqa: E402 - after the skip
from tasks.methods.models._train import Look, Loop, Phase, Turn, _Order, train  # noqa: E402 - after the skip

# A small training of its own process: phases of two networks, a checkpoint at each step, a line at each.
SCRIPT = """
import sys, time
from pathlib import Path
from tests.methods.test_train import two_phases
two_phases(Path(sys.argv[1]), steps=40, checkpoint_s=0.0, pause_s=0.05)
"""


class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(4, 4))


def a_phase(network, learns, *, steps=40, loss=None, look=None, **changes):
    """A phase in which a network learns that some noise is nought."""

    def own(rows, _at, noise):
        inputs = torch.randn(len(rows), 4, generator=noise)
        return (inputs @ network.weight - inputs).square().mean(), {"size": float(len(rows))}

    def look_at(at):
        return Look(float((network.weight.detach() - torch.eye(4)).square().sum()), {"off/held-out": float(at)})

    lengths = np.arange(10) % 3
    given = {"batch": 4, "look_every": 5, "patience": 100, **changes}
    return Phase(learns, [Turn(learns, loss or own, 0.05)], lengths, steps=steps, look=look or look_at, **given)


def a_loop(networks, scratch, **changes):
    return Loop(networks, 7, "key", scratch, lambda _share, _words: None, **changes)


def two_phases(scratch, *, steps=40, checkpoint_s=1e9, pause_s=0.0, seed=7):
    """Train two networks one after the other; return them and how it went."""
    first, second = (build(Line, generator(torch.device("cpu"), seed, n), torch.device("cpu")) for n in range(2))

    def slow(rows, _at, noise):
        time.sleep(pause_s)
        inputs = torch.randn(len(rows), 4, generator=noise)
        return (inputs @ first.weight @ second.weight - inputs).square().mean(), {}

    networks = {"first": first, "second": second}
    phases = [a_phase(first, "first", steps=steps), a_phase(second, "second", steps=steps, loss=slow)]
    state = train(Loop(networks, seed, "key", scratch, lambda *_: None, checkpoint_s=checkpoint_s), phases)
    return networks, state


def same(one, other):
    return all(torch.equal(one[name].weight, other[name].weight) for name in one)


def test_same_seed_same_weights(tmp_path):
    """The weights are a function of the seed, and another seed gives others."""
    one, other, third = (two_phases(tmp_path / str(n), seed=seed)[0] for n, seed in enumerate((7, 7, 8)))
    assert same(one, other)
    assert not same(one, third)


def test_killed_training_goes_on_to_the_same_weights(tmp_path):
    """Kill -9 in the second phase; the next run starts from its checkpoint and ends where an unbroken one does."""
    scratch = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(scratch)])
    try:
        _wait_for_second_phase(scratch / "checkpoint.pt")
    finally:
        process.kill()
    assert process.wait(timeout=10) == -9
    left = torch.load(scratch / "checkpoint.pt", weights_only=True)["state"]
    assert (left["phase"], left["done"]) == (1, 40)
    assert 0 < left["step"] < 40
    resumed, state = two_phases(scratch)
    whole, unbroken = two_phases(tmp_path / "whole")
    assert same(resumed, whole)
    assert state.curves == unbroken.curves


def _wait_for_second_phase(path):
    for _ in range(600):
        if path.is_file():
            state = torch.load(path, weights_only=True)["state"]
            if state["phase"] == 1 and state["step"] > 2:
                return
        time.sleep(0.05)
    pytest.fail("the training did not come to its second phase in 30 s")


def test_finished_training_is_not_trained_again(tmp_path):
    """A checkpoint of the end leaves nothing to do."""
    _, state = two_phases(tmp_path)
    networks, again = two_phases(tmp_path)
    assert again.done == state.done == 80
    assert same(networks, two_phases(tmp_path / "whole")[0])


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None], ids=["empty", "broken", "of another training"])
def test_checkpoint_that_does_not_fit_is_left_alone(tmp_path, content):
    """A broken file, or one of other seeds or params, is not gone on from."""
    two_phases(tmp_path, steps=5)
    path = tmp_path / "checkpoint.pt"
    if content is None:
        torch.save({**torch.load(path, weights_only=True), "key": "another"}, path)
    else:
        path.write_bytes(content)
    assert same(two_phases(tmp_path)[0], two_phases(tmp_path / "whole")[0])


def test_loss_that_is_no_number_keeps_the_best_weights(tmp_path):
    """NaN stops the training before it reaches the weights, and the report says so."""
    network = build(Line, generator(torch.device("cpu"), 1), torch.device("cpu"))

    def broken(rows, at, noise):
        inputs = torch.randn(len(rows), 4, generator=noise)
        return (inputs @ network.weight - inputs).square().mean() * (math.nan if at == 12 else 1.0), {}

    later = a_phase(network, "line", steps=20)
    state = train(a_loop({"line": network}, tmp_path), [a_phase(network, "line", loss=broken), later])
    assert state.done == 12
    assert "stopped at step 12 of 40: its loss was no finite number; the weights of step 10 are kept" in state.notes[0]
    assert torch.isfinite(network.weight).all()


def test_no_number_before_the_first_look_is_an_error(tmp_path):
    """There are no good weights to keep."""
    network = build(Line, generator(torch.device("cpu"), 1), torch.device("cpu"))
    phase = a_phase(network, "line", loss=lambda *_: (network.weight.sum() * math.inf, {}))
    with pytest.raises(UserError, match=r"stopped at step 0 of 40: its loss was no finite number.*lower `rate`"):
        train(a_loop({"line": network}, tmp_path), [phase])


def hungry(network, most):
    """Return a loss that asks the allocator for more than any machine has where a batch is over `most` texts."""

    def loss(rows, _at, noise):
        if len(rows) > most:
            torch.empty(2**50)
        inputs = torch.randn(len(rows), 4, generator=noise)
        return (inputs @ network.weight - inputs).square().mean(), {"size": float(len(rows))}

    return loss


def test_out_of_memory_halves_the_batch_once(tmp_path):
    """The step is taken again in two halves, and so are all that follow."""
    network = build(Line, generator(torch.device("cpu"), 1), torch.device("cpu"))
    state = train(a_loop({"line": network}, tmp_path), [a_phase(network, "line", loss=hungry(network, 2))])
    assert state.done == 40
    assert state.notes == ["out of memory at step 0 of line: each batch of 4 went in halves from then on"]


def test_out_of_memory_in_halves_is_an_error(tmp_path):
    """Halved once, and then said what would fit."""
    network = build(Line, generator(torch.device("cpu"), 1), torch.device("cpu"))
    with pytest.raises(UserError, match="out of memory in line with half of `batch` 4: a smaller `batch`"):
        train(a_loop({"line": network}, tmp_path), [a_phase(network, "line", loss=hungry(network, 1))])


def test_budget_of_minutes_ends_a_training_and_is_said(tmp_path):
    """The weights so far are what there is; a second run does not spend the budget again."""
    network = build(Line, generator(torch.device("cpu"), 1), torch.device("cpu"))
    loop = a_loop({"line": network}, tmp_path, max_minutes=0.002)

    def slow(rows, _at, noise):
        time.sleep(0.02)
        return network.weight.square().sum(), {}

    state = train(loop, [a_phase(network, "line", steps=10_000, loss=slow), a_phase(network, "line")])
    assert 0 < state.done < 100
    assert "the budget of 0.002 minutes ended line at step" in state.notes[0]
    assert train(loop, [a_phase(network, "line", steps=10_000, loss=slow)]).done == state.done


def test_phase_ends_with_its_best_weights(tmp_path):
    """After `patience` looks without a better score; those with the best score are what stays."""
    network = build(Line, generator(torch.device("cpu"), 1), torch.device("cpu"))
    seen = {}

    def look(at):
        seen[at] = network.weight.detach().clone()
        return Look(abs(at - 10.0), {})

    state = train(a_loop({"line": network}, tmp_path), [a_phase(network, "line", look=look, patience=2)])
    assert list(seen) == [5, 10, 15, 20]
    assert state.done == 20
    assert torch.equal(network.weight, seen[10])


def test_look_can_stop_a_phase_in_words(tmp_path):
    """Its words are a note; weights of an infinite score are never kept."""
    network = build(Line, generator(torch.device("cpu"), 1), torch.device("cpu"))
    start = network.weight.detach().clone()
    looks = iter([Look(1.0, {}), Look(math.inf, {}, "collapsed")])
    phase = a_phase(network, "line", look=lambda _at: next(looks), look_first=True)
    state = train(a_loop({"line": network}, tmp_path), [phase])
    assert state.notes == ["collapsed"]
    assert torch.equal(network.weight, start)


@hypothesis_settings(max_examples=40)
@given(texts=st.integers(1, 200), batch=st.integers(1, 70), epoch=st.integers(0, 3))
def test_each_epoch_has_each_text_once(texts, batch, epoch):
    """Whatever the number of texts and the batch."""
    lengths = np.random.default_rng(texts).integers(1, 30, texts)
    phase = Phase("p", [], lengths, batch, 1, lambda _at: Look(0, {}), 1, 1)
    order = _Order(phase, 3, 0)
    steps = math.ceil(texts / min(batch, texts))
    seen = np.concatenate([order.rows(epoch * steps + at) for at in range(steps)])
    assert sorted(seen.tolist()) == list(range(texts))


def test_network_leaves_the_generator_of_the_process_alone():
    """Weights come from the generator that is handed in, the process's own stays as it was."""
    before = torch.get_rng_state()
    one, other = (
        build(
            lambda: Decoder(9, 8, layers=2, cell="gru", context=3, drop=0.1),
            generator(torch.device("cpu"), 5),
            torch.device("cpu"),
        )
        for _ in range(2)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
