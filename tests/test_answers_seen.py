"""The bitmap of the answer log's digests: it never misses one that is written, whoever wrote it and when."""

import sqlite3
import time

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks import _answers_seen
from tasks._answers_seen import Seen
from tasks._answers_writer import commit, connect

digests = st.binary(min_size=16, max_size=16).map(bytes.hex)


def write(connection, *found):
    """Write an answer under each digest."""
    commit(connection, [(digest, time.time(), "e", "m", "p", "r", 1, 1, 0.0, "{}", "{}") for digest in found])


def log(path):
    """Return two connections to a log: one that looks, one of somebody else."""
    return connect(path), connect(path)


def worth_reading(times):
    """Return a bitmap that was asked so often before the first look: a log of a hundred times as many is read."""
    seen = Seen()
    assert all(seen.may_hold("e" * 32) for _ in range(times))
    return seen


@hypothesis_settings(max_examples=25, deadline=None)
@given(rounds=st.lists(st.lists(digests, max_size=6), max_size=5))
def test_what_is_written_is_never_missed(rounds, tmp_path_factory):
    """Before the first look, between looks, by another connection."""
    own, other = log(tmp_path_factory.mktemp("log") / "a.sqlite")
    seen, written = Seen(), set()
    for found in rounds:
        write(other, *found)
        written |= set(found)
        seen.look(own)
        assert all(seen.may_hold(digest) for digest in written)


def test_what_was_never_written_needs_no_lookup(tmp_path):
    """Of a thousand answers, next to none of a thousand other digests finds its bit set."""
    own, other = log(tmp_path / "a.sqlite")
    found = [bytes(row).hex() for row in np.random.default_rng(0).integers(0, 256, (2_000, 16), np.uint8)]
    write(other, *found[:1_000])
    seen = worth_reading(10)
    seen.look(own)
    assert all(map(seen.may_hold, found[:1_000]))
    assert sum(map(seen.may_hold, found[1_000:])) < 5


def test_large_log_is_read_once_it_pays(tmp_path, monkeypatch):
    """A few requests are looked up in the file; with as many as a share of the log, its digests are read."""
    monkeypatch.setattr(_answers_seen, "_SHARE", 2)
    own, other = log(tmp_path / "a.sqlite")
    write(other, *[f"{number:032x}" for number in range(20)])
    seen = Seen()
    looks = []
    for _ in range(12):
        seen.look(own)
        looks.append(seen.may_hold("f" * 32))
    assert looks == [True] * 10 + [False] * 2


def test_answers_that_are_deleted_leave_only_lookups_behind(tmp_path):
    """What was pruned may still be taken for held, never the other way round."""
    own, other = log(tmp_path / "a.sqlite")
    write(other, "a" * 32)
    seen = worth_reading(1)
    seen.look(own)
    with sqlite3.connect(tmp_path / "a.sqlite") as third:
        third.execute("delete from answers")
    seen.look(own)
    assert seen.may_hold("a" * 32)
