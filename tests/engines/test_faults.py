"""Faults of a server, each over real HTTP: no answer lost, none asked twice, what cannot be had said in one line."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from tasks.core.errors import TransientError
from tasks.engines._servers import Patience, Pool, Window
from tasks.engines.fake_server import Running, Server, Setup, serving
from tests.engines.asking import QUICK, ask, chats, http, once

pytestmark = pytest.mark.timeout(90)


def whole(found):
    """Return the texts of answers; fails where one is an error."""
    errors = [error for error in found if isinstance(error, Exception)]
    assert errors == []
    return [answer.text for answer in found]


@pytest.mark.parametrize(
    "failures",
    [
        {"500": 0.3},
        {"garbage": 0.3},
        {"disconnect": 0.3},
        {"429": 0.6},
        {"429": 0.2, "500": 0.2, "garbage": 0.1, "disconnect": 0.1},
    ],
    ids=["30% of 500s", "half a JSON", "disconnects", "a storm of 429s", "all of it"],
)
def test_every_answer_comes_through_and_none_twice(failures):
    """Each request is answered once, however often it had to be asked."""
    requests = chats(300)
    with serving(failures=failures, latency_ms=1, retry_after_s=0.005) as server:
        texts = whole(ask(http(server.base_url), requests))
        counts = server.counts
    assert texts == [request.messages[0][1] for request in requests]
    assert (counts.answered, counts.repeated) == (300, 0)
    assert counts.requests > 300


def test_hang_is_cut_short_and_asked_again():
    """A request without a reply ends at timeout_s; the others do not wait for it."""
    started = time.monotonic()
    with serving(failures={"hang": 0.1}) as server:
        texts = whole(ask(http(server.base_url, timeout_s=0.5), chats(60)))
        assert server.counts.repeated == 0
    assert len(texts) == 60
    assert time.monotonic() - started < 30


def test_truncated_answers_say_so():
    """Half an answer comes back as such, with finish reason `length`."""
    with serving(failures={"truncate": 0.5}) as server:
        found = ask(http(server.base_url), chats(100))
    ends = Counter(answer.finish_reason for answer in found)
    assert 20 < ends["length"] < 80
    assert all(len(answer.text.split()) == (2 if answer.finish_reason == "length" else 5) for answer in found)


def test_server_that_restarts_costs_nothing():
    """Killed in the middle and up again on the same port: all answers, none asked twice."""
    running = Running(Server(Setup(latency_ms=20)))
    running.start()

    def restart():
        while running.counts.answered < 60:
            time.sleep(0.005)
        running.stop()
        time.sleep(0.4)
        running.start()

    other = threading.Thread(target=restart)
    other.start()
    try:
        texts = whole(ask(http(running.base_url), chats(400), at_once=16))
    finally:
        other.join()
        running.stop()
    assert texts == [request.messages[0][1] for request in chats(400)]
    # What was on the wire when the server died was answered, as the server sees it, but never arrived.
    assert running.counts.repeated <= 16


def test_server_that_is_dead_for_good_is_given_up():
    """TransientError that names the address, after the time that was allowed; those that wait are told too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        started = time.monotonic()
        found = ask(http(url, patience=Patience(tries=3, quiet_s=0.6, wait_s=0.01)), chats(50))
    assert all(isinstance(error, TransientError) for error in found)
    assert "127.0.0.1" in str(found[0])
    assert "\n" not in str(found[0])
    assert 0.6 <= time.monotonic() - started < 15


def test_server_that_dies_in_the_middle_leaves_what_it_gave():
    """Answers before the death stay, the rest are TransientErrors."""
    running = Running(Server(Setup(latency_ms=5)))
    running.start()

    def kill():
        while running.counts.answered < 40:
            time.sleep(0.002)
        running.stop()

    other = threading.Thread(target=kill)
    other.start()
    found = ask(http(running.base_url, patience=Patience(tries=5, quiet_s=0.5, wait_s=0.01)), chats(400), at_once=8)
    other.join()
    answered = [answer for answer in found if not isinstance(answer, Exception)]
    assert 40 - 8 <= len(answered) < 400
    assert {type(error) for error in found if isinstance(error, Exception)} == {TransientError}


@pytest.mark.parametrize("mode", ["500", "garbage", "disconnect"])
def test_tries_are_limited(mode):
    """A request that fails each time is asked as often as allowed, no more."""
    with serving(failures={mode: 1.0}) as server:
        (error,) = ask(http(server.base_url, patience=Patience(tries=4, quiet_s=20, wait_s=0.001)), chats(1))
        assert server.counts.requests == 4
    assert isinstance(error, TransientError)
    assert "no answer after 4 tries" in str(error)


def test_nothing_but_429s_is_given_up_in_time():
    """A server that turns everything away does not hold the run for ever."""
    with serving(failures={"429": 1.0}, retry_after_s=0.02) as server:
        found = ask(http(server.base_url, patience=Patience(tries=3, quiet_s=0.5, wait_s=0.01)), chats(20))
    assert all(isinstance(error, TransientError) for error in found)
    assert "HTTP 429" in str(found[0])


def test_retry_after_is_kept():
    """After a 429 nothing is sent to that server before its time."""
    arrivals = []
    with serving(failures={"429": 0.5}, retry_after_s=0.1) as server:
        inner = server.server.answer

        def note(call):
            reply = inner(call)
            arrivals.append((time.monotonic(), reply.status))
            return reply

        server.server.answer = note
        whole(ask(http(server.base_url), chats(16), at_once=1))
    waits = [later - at for (at, status), (later, _) in pairwise(arrivals) if status == 429]
    assert len(waits) >= 2
    assert min(waits) >= 0.099


def test_concurrency_falls_to_what_the_server_bears():
    """A server that takes eight at a time ends up with about eight in flight, and most are not turned away."""
    with serving(capacity=8, latency_ms=10, retry_after_s=0.01) as server:
        engine = http(server.base_url, max_concurrency=256)

        async def run():
            half = asyncio.gather(*(engine.complete([request]) for request in chats(300)))
            await half
            limit = engine.pool.servers[0].window.limit
            away = server.counts.by_status[429]
            await asyncio.gather(*(engine.complete([request]) for request in chats(700)[300:]))
            later = server.counts.by_status[429] - away
            await engine.close()
            return limit, later

        limit, later = asyncio.run(run())
    assert limit <= 16
    assert server.counts.peak <= 8
    assert later < 0.5 * 400
    assert (server.counts.answered, server.counts.repeated) == (700, 0)


def test_concurrency_grows_where_nothing_holds_it_back():
    """Slow start: a patient server soon has all that max_concurrency allows."""
    with serving(latency_ms=250) as server:
        whole(ask(http(server.base_url, max_concurrency=40), chats(240), at_once=80))
        assert server.counts.peak == 40


def test_window_halves_once_a_round_trip():
    """Failures of requests that were under way together count as one sign."""
    window = Window(256)
    window.limit = 64.0
    for sent_at in (1.0, 1.1, 1.9):
        window.shrink(sent_at, now=2.0)
    assert window.limit == 32
    window.shrink(2.5, now=3.0)
    assert window.limit == 16


def test_window_grows_by_one_a_round_trip_after_a_cut():
    """Additive increase: as many answers as the window is wide widen it by about one."""
    window = Window(256)
    window.limit = 20.0
    window.shrink(1.0, now=2.0)
    for _ in range(10):
        window.grow(in_flight=10)
    assert 10.9 < window.limit < 11.1
    window.grow(in_flight=2)
    assert window.limit < 11.1


def test_load_goes_to_the_server_that_is_free():
    """Of two servers the quick one gets more, and a dead one nothing once it is known."""
    with socket.socket() as free, serving(latency_ms=5) as quick, serving(latency_ms=400) as slow:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        urls = (dead, slow.base_url, quick.base_url)
        whole(ask(http(urls, max_concurrency=8), chats(400), at_once=16))
        assert quick.counts.answered + slow.counts.answered == 400
        assert quick.counts.answered > 2 * slow.counts.answered > 0
        assert quick.counts.repeated == slow.counts.repeated == 0


def test_server_that_comes_back_is_used_again():
    """A server that was out gets one request as a trial, then its share."""
    with serving(latency_ms=5) as steady:
        other = Running(Server(Setup(latency_ms=5)))
        other.start()
        other.stop()

        def revive():
            while steady.counts.answered < 30:
                time.sleep(0.002)
            other.start()

        thread = threading.Thread(target=revive)
        thread.start()
        try:
            whole(ask(http((other.base_url, steady.base_url), max_concurrency=8), chats(600), at_once=16))
        finally:
            thread.join()
            other.stop()
    assert other.counts.answered > 50


def test_server_that_died_without_a_word_is_used_again_before_its_requests_time_out():
    """Eight requests hang on connections that nobody closed; the others do not wait for their time limit."""
    running = Running(Server(Setup(latency_ms=2)))
    running.start()
    port = urlsplit(running.base_url).port
    running.stop()
    held, served_s = [], []

    def hang_then_serve():
        while len(held) < 8:
            held.append(mute.accept()[0])
        mute.close()
        time.sleep(0.2)
        running.start()
        began = time.monotonic()
        while running.counts.answered < 192:
            time.sleep(0.01)
        served_s.append(time.monotonic() - began)

    with socket.create_server(("127.0.0.1", port)) as mute:
        other = threading.Thread(target=hang_then_serve)
        other.start()
        try:
            whole(ask(http(running.base_url, timeout_s=6, max_concurrency=16), chats(200), at_once=32))
        finally:
            other.join()
            running.stop()
            for connection in held:
                connection.close()
    assert served_s[0] < 4


def test_place_given_before_a_server_went_out_and_used_after_it_does_not_widen_its_window():
    """It was counted among what hangs, and is sent later: when all have ended, nothing hangs."""

    async def run():
        pool = Pool(["http://one/v1"], 4, QUICK)
        (server,) = pool.servers
        for _ in range(3):
            await pool.take()
        pool.unreachable(server, pool.now(), "refused")
        await asyncio.sleep(0.01)
        for _ in range(3):
            pool.give(server, pool.now())
        pool.answered(server)
        server.not_before = 0.0
        for _ in range(4):
            await pool.take()
        return server.hung, server.places

    assert asyncio.run(run()) == (0, False)


def test_cancelled_requests_give_their_places_back():
    """Whoever stops waiting leaves no hole in the window."""
    with serving(latency_ms=30) as server:
        engine = http(server.base_url, max_concurrency=4)

        async def run():
            jobs = [asyncio.create_task(engine.complete([request])) for request in chats(40)]
            await asyncio.sleep(0.05)
            for job in jobs[::2]:
                job.cancel()
            found = await asyncio.gather(*jobs, return_exceptions=True)
            in_flight = engine.pool.servers[0].in_flight
            await engine.close()
            return found, in_flight

        found, in_flight = asyncio.run(run())
    assert in_flight == 0
    assert sum(isinstance(answer, list) for answer in found) >= 20


def test_pool_serves_those_that_wait_in_turn():
    """Places are given in the order in which they were asked for."""

    async def run():
        pool = Pool(["http://one/v1"], 1, QUICK)
        order = []

        async def one(number):
            server = await pool.take()
            order.append(number)
            await asyncio.sleep(0)
            pool.give(server, pool.now())

        await asyncio.gather(*(one(number) for number in range(20)))
        return order

    assert asyncio.run(run()) == list(range(20))


def test_fake_server_runs_as_a_process():
    """The command line: address on standard output, counts at /stats, an end on SIGTERM."""
    line = [sys.executable, "-m", "tasks.engines.fake_server", "--port", "0", "--fail", "500=0.3", "--answer", "yes"]
    server = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        answers = once(http(url), chats(20))
    finally:
        server.terminate()
        assert server.wait(20) == 0
    assert {answer.text for answer in answers} == {"yes"}


@pytest.mark.parametrize(
    ("share", "error"),
    [("500", "want MODE=SHARE"), ("503=0.1", "unknown failure '503'"), ("hang=2", "must lie in 0..1")],
    ids=["no share", "unknown", "too much"],
)
def test_fake_server_names_a_wrong_option(share, error):
    """One line, no traceback."""
    line = [sys.executable, "-m", "tasks.engines.fake_server", "--port", "0", "--fail", share]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert error in done.stderr
    assert "Traceback" not in done.stderr
