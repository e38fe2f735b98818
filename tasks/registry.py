"""The list of runs, in the store beside what they made: what each needs is kept, what it counted can be shown.

One JSON file a run, `runs/<start>-<id>.json`, written anew whenever the run has come further. A run that ended as done
or stopped is a release for as long as that is where it was put.
"""

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tasks.core.errors import TransientError, UserError
from tasks.core.manifest import ShardManifest, StageManifest, digest
from tasks.core.store import Store
from tasks.publish import MANIFEST

PREFIX = "runs"
_AT_ONCE = 16
# A run of another machine that has said nothing for so long is taken for dead, in seconds.
_SILENT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what it is, what it uses (digests and keys), what each stage counted. Times in seconds since 1970."""

    key: str
    run: str
    name: str
    out: str
    identity: str
    host: str
    pid: int
    started: float
    updated: float
    state: str = "running"
    why: str = ""
    rows: int = 0
    usd: float = 0.0
    manifest: str = ""
    seeds: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    stages: tuple[dict[str, Any], ...] = ()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs, as far as this machine can know."""
        if self.state != "running":
            return False
        if self.host != platform.node():
            return time.time() - self.updated < _SILENT_S
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    @property
    def shown_state(self) -> str:
        """The state, `died` where its process is gone without a word."""
        return self.state if self.state != "running" or self.is_alive else "died"

    @property
    def rejected(self) -> int:
        return sum(stage["rejected"] for stage in self.stages)

    @property
    def asks(self) -> tuple[dict[str, Any], ...]:
        """The stages whose records name answers."""
        return tuple(stage for stage in self.stages if "requests" in stage["stats"])

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        lists = {name: tuple(value[name]) for name in ("seeds", "models", "shards", "stages")}
        return cls(**{**value, **lists})


@dataclass(slots=True)
class Recorder:
    """Keeps the entry of one run as it goes on."""

    store: Store
    entry: Run
    _shards: dict[str, None] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.entry.key

    def uses(self, *, seeds: Iterable[str] = (), models: Iterable[str] = (), shards: Iterable[str] = ()) -> None:
        """Note what the run is about to use, by digest or key, before it does: nothing of it is deleted meanwhile."""
        self._shards.update(dict.fromkeys(shards))
        self._put(
            seeds=tuple(dict.fromkeys((*self.entry.seeds, *seeds))),
            models=tuple(dict.fromkeys((*self.entry.models, *models))),
        )

    def stage(self, manifest: StageManifest) -> None:
        """Note what a stage has made."""
        shards = [shard for shard in manifest.shards if isinstance(shard, ShardManifest)]
        self._shards.update(dict.fromkeys(key for shard in shards for key in _keys(shard)))
        said = {
            "stage": manifest.stage,
            "method": manifest.method,
            "target": manifest.target,
            "rounds": manifest.rounds,
            **manifest.conservation(),
            "stats": manifest.stats,
            "shard_s": [shard.seconds for shard in shards],
            "files": [file.key for file in manifest.files],
        }
        self._put(stages=(*self.entry.stages, said))

    def end(self, state: str, rows: int, out: Path) -> None:
        """Note that the run has ended with a release in a folder."""
        self._put(state=state, rows=rows, manifest=_manifest_digest(out), usd=_spent(self.entry))

    def fail(self, why: str) -> None:
        """Note that the run has ended without a release."""
        self._put(state="failed", why=why.partition("\n")[0][:500], usd=_spent(self.entry))

    def _put(self, **changes: Any) -> None:
        self.entry = replace(self.entry, updated=time.time(), shards=tuple(self._shards), **changes)
        _write(self.store, self.entry)


@contextmanager
def recorded(store: Store, *, run: str, name: str, out: str | Path, identity: str) -> Iterator[Recorder]:
    """Hand out the recorder of a run that starts now; a run that ends by an error is noted as failed.

    `run` is the orchestrator's id of it, `identity` the digest of all that its bytes follow from.
    """
    now = time.time()
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%f")
    place = str(out) if str(out).startswith("s3:/") else str(Path(out).absolute())
    key = f"{PREFIX}/{stamp}-{digest([run, place, identity, os.getpid()])[:8]}.json"
    recorder = Recorder(store, Run(key, run, name, place, identity, platform.node(), os.getpid(), now, now))
    recorder.uses()
    try:
        yield recorder
    except BaseException as exc:
        # The error that ended the run is the one to tell; a store that is away or full is often its cause.
        with suppress(UserError, TransientError, OSError):
            recorder.fail(str(exc) or type(exc).__name__)
        raise
    if recorder.entry.state == "running":
        recorder.fail("ended without a release")


def moved(store: Store, key: str, out: str | Path) -> None:
    """Note that the release of a run was moved to another place."""
    _write(store, replace(_read(store, key), out=str(out) if "://" in str(out) else str(Path(out).absolute())))


def runs(store: Store, last: int | None = None) -> list[Run]:
    """Return the runs, the latest first; the last so many."""
    keys = sorted(store.list(PREFIX), reverse=True)[:last]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="tilth-runs") as pool:
        return [run for run in pool.map(lambda key: _read_or_none(store, key), keys) if run]


def _read(store: Store, key: str) -> Run:
    return Run.from_json(json.loads(store.read(key)))


def _read_or_none(store: Store, key: str) -> Run | None:
    try:
        return _read(store, key)
    except FileNotFoundError:
        return None  # deleted since it was listed
    except (ValueError, KeyError, TypeError) as exc:
        raise UserError(f"'{key}' in the store is no entry of a run: {exc}; delete it to go on") from exc


def _write(store: Store, entry: Run) -> None:
    store.write(entry.key, json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":")).encode())


def _keys(shard: ShardManifest) -> list[str]:
    """Return the keys of a shard and of the shards that its files came from."""
    files = [*shard.rejects, *([shard.data] if shard.data else [])]
    return [shard.key, *(key_of(file.key) for file in files)]


def key_of(path: str) -> str:
    """Return the key of the shard that a file in the store belongs to."""
    return path.rpartition("/")[2].partition(".")[0]


def _manifest_digest(out: Path) -> str:
    try:
        return digest_of_manifest((out / MANIFEST).read_bytes())
    except OSError:
        return ""


def digest_of_manifest(value: bytes) -> str:
    """Return what a release is known by: the digest of its manifest."""
    return hashlib.blake2b(value, digest_size=16).hexdigest()


def _spent(entry: Run) -> float:
    """Return what the fresh answers of a run cost, in US dollars: the log notes recipe and stage of each."""
    from tasks._answers_writer import connect, query  # noqa: PLC0415  most runs ask nothing
    from tasks.answers import log_path  # noqa: PLC0415  most runs ask nothing

    if not log_path().is_file():
        return 0.0
    sql = "select coalesce(sum(cost_usd * asked), 0) from answers where created_at >= ? and substr(run, 1, ?) = ?"
    stages = f"{entry.name}/"
    with closing(connect(log_path())) as connection:
        ((usd,),) = query(connection, sql, entry.started, len(stages), stages)
    return float(usd)
