"""Shards are handed out once each and in order, one by one at first, in chunks once it is known what they take."""

import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.chunks import LEAST_ELSEWHERE_S, LEAST_S, MOST_S, Chunks, handed_out
from tasks.core.errors import ShardError
from tasks.core.manifest import ShardManifest
from tasks.job import ShardJob, packed, unpacked

DRAWS = 100


def job(shard: int) -> ShardJob:
    return ShardJob("recipe", "stage", "cfg@1", {"a": 1}, 7, shard, shard * DRAWS, DRAWS, None, ("seeds",), ())


def made(of: ShardJob, seconds: float = 0.0, stopped: str = "") -> ShardManifest:
    draws = 0 if stopped else of.count
    return ShardManifest(of.key, of.shard, of.start, draws, draws, draws=draws, stopped=stopped, seconds=seconds)


def chunked(total: int, seconds: float, lanes: int, kept: int = 0, least_s: float = LEAST_S) -> list[int]:
    """Return the sizes of the chunks of a round whose every shard takes so many seconds, `kept` of them finished."""
    jobs = [job(number) for number in range(total)]
    chunks, sizes = Chunks(jobs, [number < kept for number in range(total)], (), least_s), []
    while chunks.left:
        chunk = chunks.next(lanes)
        sizes.append(len(chunk))
        chunks.learn([made(one, seconds) for one in chunk])
    return sizes


@given(st.integers(1, 100), st.floats(0.001, 60), st.integers(1, 8), st.integers(0, 100))
def test_every_shard_is_handed_out_once(total, seconds, lanes, kept):
    """And no chunk of several lasts longer than it may."""
    sizes = chunked(total, seconds, lanes, min(kept, total))
    assert sum(sizes) == total
    made_anew = [size for size in sizes[1:] if size > 1]
    assert all(size * seconds <= MOST_S + seconds for size in made_anew if not kept)


@pytest.mark.parametrize(
    ("total", "seconds", "kept", "task_runs"),
    [(100, 0.03, 0, 10), (100, 0.2, 0, 14), (100, 12.0, 0, 100), (100, 0.2, 100, 1), (8, 0.01, 0, 2), (1, 5.0, 0, 1)],
    ids=["templates", "augmentation", "slow shards", "all finished before", "small stage", "one shard"],
)
def test_task_runs_of_a_stage_are_few_where_shards_are_quick(total, seconds, kept, task_runs):
    """A hundred shards of templates need ten, not a hundred; shards of ten seconds have one each."""
    assert len(chunked(total, seconds, 2, kept)) <= task_runs


def test_no_chunk_takes_what_another_lane_could_make_at_the_same_time():
    """Ninety quick shards that are left are not one chunk, however short it would be."""
    assert max(chunked(90, 0.01, 2)) <= 45


def test_last_chunks_are_small_so_that_no_lane_waits_long_for_the_other():
    """Guided self-scheduling: large chunks first, the last of about a second."""
    sizes = chunked(100, 0.2, 2)
    assert max(sizes) == max(sizes[1:4])
    assert sizes[-1] * 0.2 <= LEAST_S


def test_chunks_are_fewer_and_longer_where_a_task_run_costs_more():
    """In other processes: half the task runs or less for the same shards, the last ones still shared by the lanes."""
    here, elsewhere = chunked(100, 0.2, 2), chunked(100, 0.2, 2, least_s=LEAST_ELSEWHERE_S)
    assert len(elsewhere) <= len(here) * 0.75
    assert elsewhere[-1] * 0.2 <= LEAST_ELSEWHERE_S


def test_what_an_earlier_round_took_is_known_from_the_start():
    """The second round of a stage does not start with single shards again: each of two lanes has half of it."""
    jobs = [job(number) for number in range(20)]
    chunks = Chunks(jobs[10:], [False] * 10, [made(one, 0.05) for one in jobs[:10]])
    assert [len(chunks.next(2)), len(chunks.next(2))] == [5, 5]


def handed(jobs, take, lanes=2, workers=4):
    """Hand out jobs to threads; return the manifests, and the jobs that were submitted."""
    submitted, found = [], []
    with ThreadPoolExecutor(workers) as pool:

        def submit(chunk):
            submitted.extend(chunk)
            return pool.submit(lambda: [take(one).to_json() for one in chunk])

        try:
            found.extend(handed_out(Chunks(jobs, [False] * len(jobs)), submit, lambda: lanes))
        except ShardError as exc:
            found.append(exc)
    return found, submitted


def test_manifests_come_in_the_order_of_the_jobs_whichever_is_made_first():
    """The first shard is the slowest: the others wait for their turn, and are not lost."""
    jobs = [job(number) for number in range(12)]

    def take(one):
        time.sleep(0.2 if one.shard == 0 else 0.001)
        return made(one, 3.0)

    found, submitted = handed(jobs, take)
    assert [shard.key for shard in found] == [one.key for one in jobs]
    assert submitted == jobs


def test_slow_head_does_not_keep_the_other_lanes_idle():
    """While the first shard is made, the rest goes out: all but it have ended before it has."""
    jobs, ended = [job(number) for number in range(6)], []

    def take(one):
        while one.shard == 0 and len(ended) < 5:
            time.sleep(0.005)
        ended.append(one.shard)
        return made(one, 30.0)

    found, _ = handed(jobs, take)
    assert len(found) == 6
    assert ended[-1] == 0


def test_lanes_are_kept_busy_while_what_was_made_is_settled():
    """The reader takes its time over each shard, and more goes out meanwhile, as lanes come free."""
    jobs, submitted = [job(number) for number in range(12)], []
    with ThreadPoolExecutor(2) as pool:

        def submit(chunk):
            submitted.extend(chunk)
            return pool.submit(lambda: [made(one, 30.0).to_json() for one in chunk])

        reader = handed_out(Chunks(jobs, [False] * len(jobs)), submit, lambda: 2)
        seen = []
        for shard in reader:
            time.sleep(0.02)
            seen.append((shard.shard, len(submitted)))
    assert [shard for shard, _ in seen] == list(range(12))
    assert all(out >= min(shard + 4, 12) for shard, out in seen[1:]), seen


def test_failed_chunk_raises_in_its_turn_and_nothing_follows_it():
    """What was made before it is handed on; not all that would come after it is started."""
    jobs = [job(number) for number in range(40)]

    def take(one):
        if one.shard == 3:
            raise ShardError("no")
        return made(one, 30.0)

    found, submitted = handed(jobs, take)
    assert [shard.shard for shard in found[:-1]] == [0, 1, 2]
    assert isinstance(found[-1], ShardError)
    assert len(submitted) < 10


def test_process_that_died_is_one_line_that_says_how_to_go_on():
    """As when the kernel runs out of memory: the pool of a real process that kills itself breaks."""
    jobs = [job(number) for number in range(3)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        chunks = Chunks(jobs, [False] * len(jobs))
        with pytest.raises(ShardError, match=r"has died, .* finished shards are kept, and the same command goes on"):
            list(handed_out(chunks, lambda _chunk: pool.submit(os._exit, 1), lambda: 1))


def test_after_a_shard_that_stopped_short_nothing_is_submitted():
    """A budget that is spent is spent for the shards that follow as well."""
    jobs = [job(number) for number in range(40)]
    found, submitted = handed(jobs, lambda one: made(one, 30.0, "budget" if one.shard == 2 else ""))
    assert [shard.shard for shard in found] == [one.shard for one in submitted]
    assert len(found) < 10


@given(st.integers(1, 30))
def test_packed_jobs_come_back_as_they_were(total):
    """What jobs share travels once, and nothing of them is lost: the keys are the same."""
    jobs = [job(number) for number in range(total)]
    assert list(unpacked(packed(jobs))) == jobs
