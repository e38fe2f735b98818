"""The job of one shard: everything that it is a function of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from tasks.core.manifest import digest

# Part of every cache key: raise it when what the runner writes for the same draw changes.
RECORD_VERSION = 2


@dataclass(frozen=True, slots=True)
class ShardJob:
    """Everything that a shard is a function of, as JSON; `key` is the digest of it.

    `model` is the id of the trained model that draws from, `pool` the files of earlier rounds, `ask` the engine's spec.
    """

    recipe: str
    stage: str
    method: str
    params: Mapping[str, Any]
    run_seed: int
    shard: int
    start: int
    count: int
    per_seed: int | None
    inputs: tuple[str, ...]
    rules: tuple[tuple[str, Mapping[str, Any]], ...]
    engine: str | None = None
    model: str | None = None
    pool: tuple[str, ...] = ()
    ask: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """The cache key: the recipe's own name is no part of it, so two recipes share what is the same.

        Nor is how the engine is reached (`ask`): `engine` is its identity.
        """
        return digest([RECORD_VERSION, {**asdict(self), "recipe": "", "ask": None}])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        rules = tuple((name, params) for name, params in value["rules"])
        listed = {name: tuple(value[name]) for name in ("inputs", "pool")}
        return cls(**{**value, **listed, "rules": rules})


def packed(jobs: Sequence[ShardJob]) -> dict[str, Any]:
    """Return jobs of one round as JSON that holds what they share once: they differ in their place alone."""
    return {"first": jobs[0].to_json(), "places": [[job.shard, job.start, job.count] for job in jobs]}


def unpacked(value: Mapping[str, Any]) -> Iterator[ShardJob]:
    """Yield the jobs that `packed` was given."""
    first = ShardJob.from_json(value["first"])
    for shard, start, count in value["places"]:
        yield replace(first, shard=shard, start=start, count=count)
