"""Telling how contents ended, until the server is seen to keep it. The ledger keeps count."""

from collections.abc import Sequence
from typing import Any

from flows.events import PAGE, REJECTED, RELEASED, event, event_id, kept, send
from tasks.landing.ledger import Entry, Ledger

# The server writes an event down within 5 s of taking it. As the wait doubles, the fourth telling comes 315 s after the
# first: the Redis broker drops an id that it saw within 300 s, though the server that took it then has lost it.
CONFIRM_S = 45.0


def tell(ledger: Ledger, confirm_s: float = CONFIRM_S) -> int:
    """Emit the end of every content whose end was not told yet; return how many. `confirm` sees to the rest."""
    return _emit(ledger.untold(), ledger, confirm_s)


def confirm(ledger: Ledger, confirm_s: float = CONFIRM_S) -> int:
    """Look up the ends that were told a while ago, tell again what the server does not keep, and return how many.

    A server writes an event down seconds after it took it: killed in between, it has lost it. Told again it has the
    same id, of which the server keeps one. An automation may see an end twice, where the server acted on it before it
    was killed and the broker is the one in memory: the Redis broker knows for 30 minutes what was acted on.
    """
    told = ledger.unconfirmed()
    lost = [entry for start in range(0, len(told), PAGE) for entry in _lost(told[start : start + PAGE], ledger)]
    return _emit(lost, ledger, confirm_s)


def _lost(told: Sequence[Entry], ledger: Ledger) -> list[Entry]:
    """Confirm those of a page of ends that the server keeps, and return the others."""
    ids = {event_id(_name(entry), entry): entry for entry in told}
    there = kept(list(ids))
    ledger.confirm([entry for one, entry in ids.items() if one in there])
    return [entry for one, entry in ids.items() if one not in there]


def _emit(ended: Sequence[Entry], ledger: Ledger, confirm_s: float) -> int:
    send([event(_name(entry), entry, _outcome(entry, ledger)) for entry in ended])
    ledger.tell(ended, confirm_s)
    return len(ended)


def _name(entry: Entry) -> str:
    return RELEASED if entry.state == "released" else REJECTED


def _outcome(entry: Entry, ledger: Ledger) -> dict[str, Any]:
    told = {"id": entry.id, "digest": entry.digest, "uri": entry.uri, "uris": ledger.uris(entry), "state": entry.state}
    if entry.state == "released":
        return told | {"dataset": entry.route, "release": entry.release, "rows": entry.rows}
    return told | {"reason": entry.reason}
