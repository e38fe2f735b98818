"""One timer for the limits of many requests: each is cut off in its time, other cancellations stay what they are."""

import asyncio
import contextlib
import time

import pytest

from tasks.engines._deadlines import Deadlines


async def asked(deadlines: Deadlines, lasts: float) -> str:
    """Wait as a request does, under a time limit."""
    task = deadlines.begin(asyncio.get_running_loop().time())
    try:
        await asyncio.sleep(lasts)
    except asyncio.CancelledError:
        if deadlines.is_over(task):
            return "over"
        raise
    finally:
        deadlines.end(task)
    return "answered"


def run(seconds: float, body):
    """Run `body(deadlines)` on a loop of its own."""

    async def whole():
        deadlines = Deadlines(seconds, asyncio.get_running_loop())
        try:
            return await asyncio.wait_for(body(deadlines), 10)
        finally:
            deadlines.close()

    return asyncio.run(whole())


def test_each_request_is_cut_off_in_its_own_time():
    """Those sent later are due later; those that were answered are left alone."""

    async def body(deadlines):
        loop = asyncio.get_running_loop()
        ended = {}

        async def one(name, begins, lasts):
            await asyncio.sleep(begins)
            found = await asked(deadlines, lasts)
            ended[name] = (found, loop.time() - started - begins)

        started = loop.time()
        await asyncio.gather(one("quick", 0, 0.05), one("first", 0, 9), one("later", 0.2, 9), one("third", 0.3, 0.1))
        return ended

    ended = run(0.3, body)
    assert {name: found for name, (found, _) in ended.items()} == {
        "quick": "answered",
        "first": "over",
        "later": "over",
        "third": "answered",
    }
    assert all(0.28 <= seconds < 1.0 for found, seconds in ended.values() if found == "over")


def test_task_that_was_cut_off_goes_on_and_may_ask_again():
    """It is not left half cancelled: what it awaits next is not cut off by the same limit."""

    async def body(deadlines):
        found = [await asked(deadlines, 9), await asked(deadlines, 0.01), await asked(deadlines, 9)]
        task = asyncio.current_task()
        return found, task.cancelling()

    assert run(0.1, body) == (["over", "answered", "over"], 0)


def test_cancelled_by_another_is_cancelled():
    """Ctrl-C is not taken for a time limit, even where both come at the same moment."""

    async def body(deadlines):
        task = asyncio.create_task(asked(deadlines, 9))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        both = asyncio.create_task(asked(deadlines, 9))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.06, both.cancel)
        time.sleep(0.1)  # noqa: ASYNC251 - so that both timers run in one turn of the loop
        with pytest.raises(asyncio.CancelledError):
            await both
        return "done"

    assert run(0.05, body) == "done"


def test_other_error_of_a_request_that_was_cut_off_leaves_no_trace():
    """A client that turns the cancellation into an error of its own."""

    async def body(deadlines):
        task = deadlines.begin(asyncio.get_running_loop().time())
        with contextlib.suppress(OSError):
            try:
                await asyncio.sleep(9)
            except asyncio.CancelledError:
                raise OSError("broken") from None
            finally:
                deadlines.end(task)
        return task.cancelling(), await asked(deadlines, 0.001)

    assert run(0.05, body) == (0, "answered")
