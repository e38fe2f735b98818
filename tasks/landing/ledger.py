"""The ledger: what landed, and what became of it, so that a content is released once.

    landed → claimed → released | rejected | failed

A content is known by the digest of its bytes and the route it takes. Every step is one statement that checks what it
changes, so that of two processes one wins: nothing is read first and written later.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite

from tasks.landing import database
from tasks.landing._tables import arrivals, contents

State = Literal["landed", "claimed", "released", "rejected", "failed"]
STATES: tuple[State, ...] = ("landed", "claimed", "released", "rejected", "failed")
_FINAL = ("released", "rejected", "failed")
_REASON_CHARS = 2000
# Prefect's server deletes events after so long by default; what was told by then can no longer be looked up.
_KEPT_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the listing showed of one URI; no digest until it was whole and read."""

    uri: str
    source: str
    version: str
    size: int
    seen_at: float
    digest: str | None = None
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One content on its way; the columns of `contents`."""

    digest: str
    route: str
    state: State
    uri: str
    name: str
    size: int
    landed_at: float
    due_at: float
    woken_at: float
    wake: str | None
    owner: str | None
    lease_until: float | None
    tries: int
    claimed_at: float | None
    finished_at: float | None
    release: str | None
    rows: int | None
    reason: str | None
    told: bool
    confirm_s: float | None
    confirm_at: float | None

    @property
    def id(self) -> str:
        """What a person calls it by."""
        return self.digest[:12]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a content ended: the release with its rows, or the reason why there is none."""

    state: Literal["released", "rejected", "failed"]
    release: str | None = None
    rows: int | None = None
    reason: str | None = None


class Ledger:
    """Every method is one transaction, safe from any number of processes."""

    def __init__(self, url: str | None = None) -> None:
        self._engine: Engine = database.open_engine(url or database.database_url())

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with database.explained(self._engine.url), self._engine.begin() as connection:
            yield connection

    @cached_property
    def _insert(self) -> Any:
        return postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert

    @property
    def _now(self) -> sa.ColumnElement[float]:
        """The clock of the database: machines whose own clocks differ agree on a lease."""
        if self._engine.dialect.name == "postgresql":
            return sa.literal_column("extract(epoch from clock_timestamp())::double precision", sa.Double)
        return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Double)

    def now(self) -> float:
        with self._begin() as connection:
            return float(connection.execute(sa.select(self._now)).scalar_one())

    def close(self) -> None:
        self._engine.dispose()

    # What the listing shows

    def arrivals(self, source: str, uri: str | None = None) -> dict[str, Arrival]:
        """Return what is known of every URI of a source, or of one."""
        query = sa.select(arrivals).where(arrivals.c.source == source)
        query = query if uri is None else query.where(arrivals.c.uri == uri)
        with self._begin() as connection:
            return {row.uri: Arrival(*row) for row in connection.execute(query)}

    def observe(self, seen: Sequence[Arrival]) -> None:
        """Note files that are not known to be whole, the first time that each version is seen."""
        if not seen:
            return
        rows = [{"uri": a.uri, "source": a.source, "version": a.version, "size": a.size} for a in seen]
        with self._begin() as connection:
            at = connection.execute(sa.select(self._now)).scalar_one()
            new = self._insert(arrivals)
            changed = {name: new.excluded[name] for name in ("version", "size", "seen_at", "digest", "route")}
            new = new.on_conflict_do_update(
                index_elements=["uri"], set_=changed, where=arrivals.c.version != new.excluded.version
            )
            connection.execute(new, [{**row, "seen_at": at, "digest": None, "route": None} for row in rows])

    def forget(self, uris: Sequence[str]) -> None:
        """Drop files that went away before they were whole."""
        gone = sa.delete(arrivals).where(arrivals.c.uri == sa.bindparam("gone"), arrivals.c.digest.is_(None))
        if uris:
            with self._begin() as connection:
                connection.execute(gone, [{"gone": uri} for uri in uris])

    def register(self, landed: Sequence[tuple[Arrival, str]]) -> int:
        """Enter files that are whole, each with the name its content is kept by; return how many contents are new.

        A file without a route is rejected at once.
        """
        if not landed:
            return 0
        with self._begin() as connection:
            at = float(connection.execute(sa.select(self._now)).scalar_one())
            new = self._insert(arrivals)
            changed = {name: new.excluded[name] for name in ("version", "size", "seen_at", "digest", "route")}
            names = [field.name for field in fields(Arrival)]
            connection.execute(
                new.on_conflict_do_update(index_elements=["uri"], set_=changed),
                [{name: getattr(arrival, name) for name in names} for arrival, _ in landed],
            )
            entered = self._insert(contents).on_conflict_do_nothing().returning(contents.c.digest)
            rows = {(a.digest, a.route): _entered(a, name, at) for a, name in reversed(landed)}
            return sum(len(connection.execute(entered.values(row)).all()) for row in rows.values())

    # Who works on what

    def wake(self, limit: int, runs: int, start_s: float) -> list[list[Entry]]:
        """Return groups of at most `limit` contents that runs should be asked for now, and mark them as asked for.

        A content is asked for once; what is lost then, `overdue` finds. At most `runs` groups are at work or, asked
        for within the last `start_s` seconds, on their way.
        """
        with self._begin() as connection:
            self._serialise(connection)
            at = float(connection.execute(sa.select(self._now)).scalar_one())
            room = max(runs - self._busy(connection, at, at - start_s), 0)
            waiting = sa.select(contents).where(self._free(at), contents.c.woken_at == 0)
            ordered = waiting.order_by(contents.c.landed_at, contents.c.digest).limit(limit * room)
            found = [Entry(*row) for row in connection.execute(ordered)]
            groups = [found[start : start + limit] for start in range(0, len(found), limit)]
            for group in groups:
                marked = sa.update(contents).where(_among(group)).values(woken_at=at, wake=uuid.uuid4().hex)
                connection.execute(marked)
            return groups

    def at_work(self) -> int:
        """Return how many owners hold claims and live."""
        with self._begin() as connection:
            at = float(connection.execute(sa.select(self._now)).scalar_one())
            return self._busy(connection, at, at)

    def _busy(self, connection: Connection, at: float, asked_since: float) -> int:
        working = sa.select(sa.func.count(contents.c.owner.distinct())).where(
            contents.c.state == "claimed", contents.c.lease_until > at
        )
        asked = sa.select(sa.func.count(contents.c.wake.distinct())).where(
            contents.c.state == "landed", contents.c.woken_at > asked_since
        )
        return sum(int(connection.execute(query).scalar_one()) for query in (working, asked))

    def unwake(self, entries: Sequence[Entry]) -> None:
        """Take the mark off contents for which no run could be asked after all."""
        if entries:
            with self._begin() as connection:
                connection.execute(sa.update(contents).where(_among(entries)).values(woken_at=0.0, wake=None))

    def claim(self, owner: str, limit: int, lease_s: float) -> list[Entry]:
        """Return up to `limit` contents that are now this owner's alone, the oldest first.

        Those of an owner that gave no sign of life for its lease are free again.
        """
        with self._begin() as connection:
            at = float(connection.execute(sa.select(self._now)).scalar_one())
            free = sa.select(contents.c.digest, contents.c.route).where(self._free(at))
            # SKIP LOCKED: what another claim takes at this moment is not waited for. SQLite has one writer anyway.
            oldest = free.order_by(contents.c.landed_at, contents.c.digest).limit(limit)
            # A CTE: as a plain subquery PostgreSQL may run it again and again, and take more than `limit`.
            chosen = sa.select(oldest.with_for_update(skip_locked=True).cte("chosen"))
            taken = (
                sa.update(contents)
                .where(sa.tuple_(contents.c.digest, contents.c.route).in_(chosen), self._free(at))
                .values(state="claimed", owner=owner, lease_until=at + lease_s, claimed_at=at)
                .values(tries=contents.c.tries + 1)
                .returning(*contents.c)
            )
            found = [Entry(*row) for row in connection.execute(taken)]
        return sorted(found, key=lambda entry: (entry.landed_at, entry.digest))

    def renew(self, owner: str, lease_s: float) -> int:
        """Give a sign of life; return how many contents are still this owner's."""
        kept = sa.update(contents).where(self._mine(owner)).values(lease_until=self._now + lease_s)
        with self._begin() as connection:
            return connection.execute(kept).rowcount

    def finish(self, entry: Entry, owner: str, outcome: Outcome) -> bool:
        """Write how a content ended; False, and nothing is written, where it is no longer this owner's."""
        done = (
            sa.update(contents)
            .where(_is(entry), self._mine(owner))
            .values(state=outcome.state, release=outcome.release, rows=outcome.rows, finished_at=self._now)
            .values(reason=_cut(outcome.reason), owner=None, lease_until=None, told=False)
        )
        with self._begin() as connection:
            return connection.execute(done).rowcount == 1

    def postpone(self, entry: Entry, owner: str, wait_s: float, reason: str) -> bool:
        """Give a content back for a later try, the reason kept."""
        back = (
            sa.update(contents)
            .where(_is(entry), self._mine(owner))
            .values(state="landed", due_at=self._now + wait_s, woken_at=0.0, owner=None, lease_until=None)
            .values(reason=_cut(reason))
        )
        with self._begin() as connection:
            return connection.execute(back).rowcount == 1

    def put_back(self, owner: str) -> int:
        """Give back all that an owner still holds, as if it had not tried; return how many that are."""
        back = (
            sa.update(contents)
            .where(self._mine(owner))
            .values(state="landed", woken_at=0.0, tries=contents.c.tries - 1, owner=None, lease_until=None)
        )
        with self._begin() as connection:
            return connection.execute(back).rowcount

    def overdue(self, grace_s: float) -> list[Entry]:
        """Return what has been free for `grace_s` seconds without a run that took it, the oldest first."""
        with self._begin() as connection:
            at = float(connection.execute(sa.select(self._now)).scalar_one())
            due = sa.select(contents).where(self._free(at - grace_s), contents.c.woken_at <= at - grace_s)
            ordered = due.order_by(contents.c.landed_at, contents.c.digest)
            return [Entry(*row) for row in connection.execute(ordered)]

    def pending(self) -> int:
        """Return how many contents wait for a run that was not asked for yet."""
        query = sa.select(sa.func.count()).where(contents.c.state == "landed", contents.c.woken_at == 0)
        with self._begin() as connection:
            return int(connection.execute(query).scalar_one())

    def unfinished(self, digest: str) -> int:
        """Return on how many routes a content is still on its way."""
        query = sa.select(sa.func.count()).where(contents.c.digest == digest, contents.c.state.not_in(_FINAL))
        with self._begin() as connection:
            return int(connection.execute(query).scalar_one())

    # What was told, and what a person sees

    def untold(self, limit: int = 200) -> list[Entry]:
        """Return contents whose end nobody was told of yet."""
        query = sa.select(contents).where(contents.c.state.in_(_FINAL), contents.c.told.is_(False))
        with self._begin() as connection:
            return [Entry(*row) for row in connection.execute(query.order_by(contents.c.finished_at).limit(limit))]

    def tell(self, entries: Sequence[Entry], confirm_s: float) -> None:
        """Note that the end of these contents was told, and is to be confirmed in `confirm_s` seconds.

        Each further telling of the same end doubles the wait, so that a server which keeps nothing is left in peace. Of
        several who told it at once one counts.
        """
        wait = sa.case((contents.c.told, sa.func.coalesce(contents.c.confirm_s * 2, confirm_s)), else_=confirm_s)
        noted = (
            sa.update(contents)
            .where(contents.c.digest == sa.bindparam("d"), contents.c.route == sa.bindparam("r"))
            .where(contents.c.finished_at == sa.bindparam("at"))
            .where(contents.c.confirm_at.is_not_distinct_from(sa.bindparam("before")))
            .values(told=True, confirm_s=wait, confirm_at=self._now + wait)
        )
        if entries:
            ends = [{"d": e.digest, "r": e.route, "at": e.finished_at, "before": e.confirm_at} for e in entries]
            with self._begin() as connection:
                connection.execute(noted, ends)

    def unconfirmed(self, limit: int = 200) -> list[Entry]:
        """Return contents whose end was told and whose time to be confirmed has come, the longest waiting first.

        What ended longer ago than a server keeps events counts as confirmed.
        """
        told = sa.select(contents).where(contents.c.state.in_(_FINAL), contents.c.told)
        due = told.where(contents.c.confirm_at <= self._now, contents.c.finished_at > self._now - _KEPT_S)
        with self._begin() as connection:
            return [Entry(*row) for row in connection.execute(due.order_by(contents.c.confirm_at).limit(limit))]

    def confirm(self, entries: Sequence[Entry]) -> None:
        """Note that the server keeps the end of these contents."""
        this = sa.tuple_(contents.c.digest, contents.c.route, contents.c.finished_at)
        ends = [(e.digest, e.route, e.finished_at) for e in entries]
        if ends:
            with self._begin() as connection:
                connection.execute(sa.update(contents).where(this.in_(ends)).values(confirm_at=None))

    def entries(self, state: State | None = None, prefix: str = "") -> list[Entry]:
        """Return contents, the newest first: all, those in one state, those whose digest begins so."""
        query = sa.select(contents).where(contents.c.digest.startswith(prefix, autoescape=True))
        query = query if state is None else query.where(contents.c.state == state)
        with self._begin() as connection:
            return [Entry(*row) for row in connection.execute(query.order_by(contents.c.landed_at.desc()))]

    def uris(self, entry: Entry) -> list[str]:
        """Return every URI that holds a content now, the one it first landed as at the head."""
        query = sa.select(arrivals.c.uri).where(arrivals.c.digest == entry.digest, arrivals.c.route == entry.route)
        with self._begin() as connection:
            found = [uri for (uri,) in connection.execute(query.order_by(arrivals.c.uri))]
        return sorted(found, key=lambda uri: uri != entry.uri)

    def retry(self, entry: Entry) -> bool:
        """Let a content that was rejected or failed run again; one without a route is listed anew instead."""
        ended = sa.and_(_is(entry), contents.c.state.in_(("rejected", "failed")))
        with self._begin() as connection:
            if entry.route:
                again = sa.update(contents).where(ended).values(state="landed", tries=0, due_at=self._now, woken_at=0.0)
                return connection.execute(again.values(reason=None, finished_at=None)).rowcount == 1
            gone = connection.execute(sa.delete(contents).where(ended)).rowcount == 1
            connection.execute(sa.delete(arrivals).where(arrivals.c.digest == entry.digest, arrivals.c.route == ""))
            return gone

    def _free(self, at: float) -> sa.ColumnElement[bool]:
        due = sa.and_(contents.c.state == "landed", contents.c.due_at <= at)
        return sa.or_(due, sa.and_(contents.c.state == "claimed", contents.c.lease_until <= at))

    @staticmethod
    def _mine(owner: str) -> sa.ColumnElement[bool]:
        return sa.and_(contents.c.state == "claimed", contents.c.owner == owner)

    def _serialise(self, connection: Connection) -> None:
        """Let one process at a time decide how many runs to ask for; SQLite's transactions do already."""
        if self._engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(29463)"))


def _entered(arrival: Arrival, name: str, at: float) -> dict[str, Any]:
    """Return the row of a content that is new; one without a route has ended before it began."""
    row = {"digest": arrival.digest, "route": arrival.route, "uri": arrival.uri, "name": name, "size": arrival.size}
    row |= {"state": "landed", "landed_at": arrival.seen_at, "due_at": at, "woken_at": 0.0, "tries": 0, "told": False}
    if not arrival.route:
        row |= {"state": "rejected", "finished_at": at, "reason": "no_route: no pattern of the landing file matches"}
    return row


def _is(entry: Entry) -> sa.ColumnElement[bool]:
    return sa.and_(contents.c.digest == entry.digest, contents.c.route == entry.route)


def _among(entries: Sequence[Entry]) -> sa.ColumnElement[bool]:
    return sa.tuple_(contents.c.digest, contents.c.route).in_([(e.digest, e.route) for e in entries])


def _cut(reason: str | None) -> str | None:
    # PostgreSQL's text holds no NUL, and a message may quote one from the data.
    return reason if reason is None else reason.replace("\0", "\\0")[:_REASON_CHARS]
