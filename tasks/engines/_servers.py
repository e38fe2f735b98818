"""Who is asked next, and how many requests may be in flight: additive increase, multiplicative decrease.

Chiu & Jain 1989, "Analysis of the increase and decrease algorithms for congestion avoidance in computer networks"
(https://doi.org/10.1016/0169-7552(89)90019-6); slow start as in RFC 5681.
"""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.core.errors import TilthError, TransientError
from tasks.engines._openai_access import shown

FIRST_WINDOW = 128  # requests in flight at the start: full after one round trip at the default limit of 256
_STRIKES = 5  # failures in a row that take a server out; one refused connection does
_LONGEST_WAIT_S = 20.0
# Waits differ between workers, so that they do not come back all at once; no data depends on them.
_jitter = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Patience:
    """When a request is given up.

    tries: failed tries (5xx, half an answer, a broken connection); a time-out counts as three.
    quiet_s: time in which no server answered anything: none can be reached, or all turn everything away.
    wait_s: the first wait between two tries; each one after it is twice as long, up to 20 s.
    """

    tries: int = 10
    quiet_s: float = 180.0
    wait_s: float = 0.25

    def backoff_s(self, number: int) -> float:
        """Return the wait after failed try `number`, from 0: exponential, half of it left to chance."""
        whole = min(_LONGEST_WAIT_S, self.wait_s * 2.0 ** min(number, 16))
        return whole * (0.5 + _spread(0.5))


def _spread(most: float) -> float:
    return most * _jitter.random()


class Window:
    """How many requests may be in flight to one server."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(min(FIRST_WINDOW, most))
        self._slow_start_to = float(most)
        self._cut_at = -1.0

    def grow(self, in_flight: int) -> None:
        """Widen after an answer, where the window was the limit: twofold a round trip at first, then by one."""
        if self.limit >= self.most or in_flight + 1 < self.limit:
            return
        step = 1.0 if self.limit < self._slow_start_to else 1.0 / self.limit
        self.limit = min(float(self.most), self.limit + step)

    def shrink(self, sent_at: float, now: float) -> None:
        """Halve, once for all requests that were under way together."""
        if sent_at <= self._cut_at:
            return
        self.limit = self._slow_start_to = max(1.0, self.limit / 2)
        self._cut_at = now


class Server:
    """One base URL: its window, the requests in flight, and when it may be asked again."""

    def __init__(self, url: str, most: int) -> None:
        self.url = url
        self.window = Window(most)
        self.in_flight = 0
        # Of these, what was under way when the server was last taken out: where it died without a word, they hang until
        # their time limit, and nothing new must wait for that.
        self.hung = 0
        self.strikes = 0
        self.not_before = 0.0
        self._struck_at = self._out_at = -1.0

    def strike(self, sent_at: float, now: float, least: int = 0) -> None:
        """Count a failure: one for all requests that were under way together."""
        was_out = self.strikes >= _STRIKES
        if sent_at > self._struck_at:
            self.strikes += 1
            self._struck_at = now
        self.strikes = max(self.strikes, least)
        if not was_out and self.strikes >= _STRIKES:
            self.hung, self._out_at = self.in_flight, now

    def ended(self, sent_at: float) -> None:
        """Note that a request is no longer in flight."""
        self.in_flight -= 1
        if self.hung and sent_at <= self._out_at:
            self.hung -= 1
        # A place that was given and not yet used when the server went out is among them, and is sent later.
        self.hung = min(self.hung, self.in_flight)

    def pause(self, until: float) -> None:
        """Ask nothing before `until`."""
        self.not_before = max(self.not_before, until)

    def room(self, now: float) -> bool:
        """Return whether another request may be sent."""
        return now >= self.not_before and self.places

    @property
    def places(self) -> bool:
        """Whether fewer requests are in flight than may be; to a server that was out, one new one at a time."""
        return self.in_flight - self.hung < (1.0 if self.strikes >= _STRIKES else self.window.limit)

    @property
    def load(self) -> float:
        return (self.in_flight - self.hung) / self.window.limit


class Pool:
    """The servers of one model. Whoever waits for a place is served in turn, by the least loaded."""

    def __init__(self, urls: Sequence[str], most: int, patience: Patience) -> None:
        self.servers = [Server(url, most) for url in urls]
        self.patience = patience
        self._waiting: deque[asyncio.Future[Server]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._trouble_since: float | None = None
        self._troubled_at = 0.0
        self._trouble = ""
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time

    async def take(self) -> Server:
        """Return a server that may be asked now; each is to be given back."""
        if not self._waiting:
            server = self._free()
            if server is not None:
                server.in_flight += 1
                return server
            self._hope()
        place: asyncio.Future[Server] = self._loop.create_future()
        self._waiting.append(place)
        self._wake_later()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.give(place.result(), self.now())
            raise

    def _hope(self) -> None:
        """Raise TransientError where the servers were given up already and it is not yet time to try one again."""
        now = self._loop.time()
        if self._trouble_since is None or now - self._trouble_since <= self.patience.quiet_s:
            return
        if all(server.not_before > now for server in self.servers):
            raise TransientError(self._given_up(now - self._trouble_since, 0.0))

    def _free(self) -> Server | None:
        now = self._loop.time()
        if len(self.servers) == 1:
            return self.servers[0] if self.servers[0].room(now) else None
        free = [server for server in self.servers if server.room(now)]
        return min(free, key=lambda server: server.load) if free else None

    def give(self, server: Server, sent_at: float) -> None:
        """End a request to a server that was sent at a time of the loop."""
        server.ended(sent_at)
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            server = self._free()
            if server is None:
                self._wake_later()
                return
            place = self._waiting.popleft()
            if not place.done():
                server.in_flight += 1
                place.set_result(server)

    def _wake_later(self) -> None:
        """See to it that those who wait are served where only time is in the way; else a `give` will do it."""
        if self._timer is None:
            times = [server.not_before for server in self.servers if server.places]
            if times:
                self._timer = self._loop.call_at(min(times), self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._wake()

    def fail_waiting(self, error: TilthError) -> None:
        """Tell everyone who waits that it is of no use."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_exception(error)

    def answered(self, server: Server) -> None:
        """Note an answer, good or not, that shows the server at work."""
        server.strikes = 0
        self._trouble_since = None
        server.window.grow(server.in_flight)

    def turned_away(self, server: Server, sent_at: float, wait_s: float | None, why: str) -> None:
        """Note a 429 or 503: fewer at a time, and none before the server's own time is over."""
        now = self._loop.time()
        server.window.shrink(sent_at, now)
        server.strike(sent_at, now)
        pause_s = self.patience.backoff_s(min(server.strikes, 4)) if wait_s is None else wait_s * (1 + _spread(0.1))
        server.pause(now + pause_s)
        self._in_trouble(now, why, wait_s or 0.0)

    def unreachable(self, server: Server, sent_at: float, why: str) -> None:
        """Note a refused connection: the server is out, and is tried again with one request later."""
        now = self._loop.time()
        server.strike(sent_at, now, least=_STRIKES)
        server.pause(now + self._out_s(server))
        self._in_trouble(now, why, 0.0)

    def failed(self, server: Server, sent_at: float, *, slow: bool) -> None:
        """Note a failed try; after several in a row the server is out for a while."""
        now = self._loop.time()
        if slow:
            server.window.shrink(sent_at, now)
        server.strike(sent_at, now)
        if server.strikes >= _STRIKES:
            server.pause(now + self._out_s(server))

    def _out_s(self, server: Server) -> float:
        return min(self.patience.backoff_s(server.strikes - _STRIKES), self.patience.quiet_s / 4)

    def _in_trouble(self, now: float, why: str, wait_s: float) -> None:
        old = now - self._troubled_at > max(self.patience.quiet_s, _LONGEST_WAIT_S)
        self._trouble, self._troubled_at = why, now
        if self._trouble_since is None or old:
            self._trouble_since = now
        quiet_s = now - self._trouble_since
        if max(quiet_s, wait_s) > self.patience.quiet_s:
            error = TransientError(self._given_up(quiet_s, wait_s))
            self.fail_waiting(error)
            raise error

    def _given_up(self, quiet_s: float, wait_s: float) -> str:
        where = ", ".join(shown(server.url) for server in self.servers)
        if wait_s > quiet_s:
            return f"{where} asks to wait {wait_s:.0f} s, longer than the {self.patience.quiet_s:g} s that we wait"
        return f"no answer from {where} for {quiet_s:.0f} s: {self._trouble}"
