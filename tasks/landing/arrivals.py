"""Looking at the sources: what is listed and not in the ledger is read once it is whole, kept, and entered."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.core.errors import TilthError, UserError
from tasks.landing.keeping import keep, kept_name
from tasks.landing.ledger import Arrival, Ledger
from tasks.landing.mapping import Landing
from tasks.landing.sources import ChangedError, Item, Source, open_sources, source_of

# So many files are read between two entries in the ledger: a long line of them does not wait for its last.
_TOGETHER = 50


@dataclass(slots=True)
class Looked:
    """What one look at the sources found: files listed, landed, still growing; contents that are new."""

    listed: int = 0
    landed: int = 0
    new: int = 0
    waiting: int = 0
    problems: list[str] = field(default_factory=list)


def look(landing: Landing, ledger: Ledger, *, buckets: bool = True) -> Looked:
    """List every source, or only folders, and enter what is new and whole.

    A source that cannot be listed does not stop the others.
    """
    looked = Looked()
    for name, source in open_sources(landing).items():
        if landing.sources[name].is_s3 and not buckets:
            continue
        try:
            _Look(source, landing, ledger, looked).at(list(source.list()))
        except UserError as exc:
            looked.problems.append(str(exc))
        except TilthError as exc:
            looked.problems.append(f"{exc}; it is listed again")
    return looked


def take(uris: Iterable[str], landing: Landing, ledger: Ledger) -> Looked:
    """Enter the files that somebody says have landed: by that word they are whole.

    RecipeError for one that is below no source.
    """
    looked, sources = Looked(), open_sources(landing)
    found = [(uri, source_of(uri, sources)) for uri in dict.fromkeys(uris)]
    for uri, source in found:
        if (item := source.find(uri)) is None:
            looked.problems.append(f"'{uri}' is not there, or is no file that counts")
        else:
            _Look(source, landing, ledger, looked).told(item)
    return looked


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at one source."""

    source: Source
    landing: Landing
    ledger: Ledger
    looked: Looked

    def at(self, items: Sequence[Item]) -> None:
        known, now = self.ledger.arrivals(self.source.name), self.ledger.now()
        fresh = [item for item in items if not _is_known(item, known.get(item.uri))]
        since = now - self.landing.settle_s
        whole = [item for item in fresh if item.whole or _is_still(item, known.get(item.uri), since)]
        ready = {item.uri for item in whole}
        waiting = [Arrival(i.uri, i.source, i.version, i.size, now) for i in fresh if i.uri not in ready]
        self.ledger.observe(waiting)
        there = {item.uri for item in items}
        self.ledger.forget([uri for uri, arrival in known.items() if arrival.digest is None and uri not in there])
        self.looked.listed += len(items)
        self.looked.waiting += len(waiting)
        self._enter(whole, known)

    def told(self, item: Item) -> None:
        known = self.ledger.arrivals(self.source.name, item.uri)
        if item.whole is not False and not _is_known(item, known.get(item.uri)):
            self._enter([item], known)

    def _enter(self, items: Sequence[Item], known: Mapping[str, Arrival]) -> None:
        for start in range(0, len(items), _TOGETHER):
            landed = list(self._read(items[start : start + _TOGETHER], known))
            self.looked.landed += len(landed)
            self.looked.new += self.ledger.register(landed)

    def _read(self, items: Iterable[Item], known: Mapping[str, Arrival]) -> Iterator[tuple[Arrival, str]]:
        now = self.ledger.now()
        for item in items:
            name = kept_name(item.path)
            try:
                digest = keep(self.source, item, name)
            except ChangedError:
                self.looked.waiting += 1
            except (TilthError, OSError) as exc:
                self.looked.problems.append(f"'{item.uri}': {exc}")
            else:
                before, route = known.get(item.uri), self.landing.routed(self.source.name, item.path)
                seen_at = before.seen_at if before and before.version == item.version else now
                where = route.name if route else ""
                yield Arrival(item.uri, self.source.name, item.version, item.size, seen_at, digest, where), name


def _is_known(item: Item, known: Arrival | None) -> bool:
    return known is not None and known.digest is not None and known.version == item.version


def _is_still(item: Item, known: Arrival | None, since: float) -> bool:
    """Return whether the file was seen as it is now `settle_s` ago, by this process or another."""
    if item.whole is not None or known is None:
        return False
    return known.version == item.version and known.seen_at <= since
