"""The small JSON that stands for data: what Prefect passes on and caches while the records stay in the store."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from tasks.core.errors import TilthError


def digest(value: Any) -> str:
    """Return 32 hex digits of the canonical JSON of `value`."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class FileRef:
    """A Parquet file in the store: its key, rows, bytes and the digest of its bytes."""

    key: str
    rows: int
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class ShardManifest:
    """What one shard made: `seen` = `accepted` + `rejected` + `failed`, exactly.

    `seen` counts records; a draw that gave none counts as one that failed, one that gave several as several. `draws`
    are those that were made, fewer than planned only where `stopped` says why. `seconds` are those of its making: they
    stay when the shard is taken from the cache, and are no part of any release.
    """

    key: str
    shard: int
    start: int
    seen: int
    accepted: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    stats: Mapping[str, int] = field(default_factory=dict)
    data: FileRef | None = None
    rejects: tuple[FileRef, ...] = ()
    draws: int = 0
    stopped: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        made = self.accepted + sum(self.rejected.values()) + sum(self.failed.values())
        if made != self.seen:
            raise TilthError(f"shard {self.shard} of {self.key} does not add up: {made} of {self.seen} draws")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        data = FileRef(**value["data"]) if value["data"] else None
        rejects = tuple(FileRef(**ref) for ref in value["rejects"])
        return cls(**{**value, "data": data, "rejects": rejects})


@dataclass(frozen=True, slots=True)
class StageManifest:
    """What one stage made, over all its shards, and what it was asked for (`target`; None: what its seeds give)."""

    stage: str
    method: str
    target: int | None
    rounds: int
    pending: int
    shards: tuple[ShardManifest, ...]
    stopped: str = ""

    @property
    def accepted(self) -> int:
        return sum(shard.accepted for shard in self.shards)

    @property
    def seen(self) -> int:
        """Records that were drawn, and draws still pending."""
        return sum(shard.seen for shard in self.shards) + self.pending

    @property
    def rejected(self) -> dict[str, int]:
        return added(shard.rejected for shard in self.shards)

    @property
    def failed(self) -> dict[str, int]:
        return added(shard.failed for shard in self.shards)

    @property
    def seconds(self) -> float:
        """Seconds of work in all shards, whichever run did it."""
        return sum(shard.seconds for shard in self.shards)

    @property
    def stats(self) -> dict[str, int]:
        return added(shard.stats for shard in self.shards)

    @property
    def files(self) -> list[FileRef]:
        """The accepted records, shard by shard."""
        return [shard.data for shard in self.shards if shard.data]

    @property
    def digest(self) -> str:
        return digest([file.digest for file in self.files])

    def conservation(self) -> dict[str, Any]:
        """Return the table that must add up: seen = accepted + rejected + failed + pending."""
        rejected, failed = self.rejected, self.failed
        table: dict[str, Any] = {
            "seen": self.seen,
            "accepted": self.accepted,
            "rejected": sum(rejected.values()),
            "failed": sum(failed.values()),
            "pending": self.pending,
            "rejected_by_reason": rejected,
            "failed_by_reason": failed,
        }
        if table["seen"] != table["accepted"] + table["rejected"] + table["failed"] + table["pending"]:
            raise TilthError(f"stage '{self.stage}' does not add up: {table}")
        return table


def added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of counters, the largest first, equal ones by name."""
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
