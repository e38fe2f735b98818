"""Slots of engines: how many shards of `llm` stages ask at the same time, over all runs and machines of one server.

The limit is a global concurrency limit of Prefect, made by `make up` and changed as any other:

    prefect gcl update tilth-llm --limit 4

Where the server has none of that name, as the one of `tilth run` by itself, nothing holds a shard back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tasks.job import ShardJob

LIMIT: Final = "tilth-llm"
# Shards of some hundred draws each: an engine of one GPU has its fill from two or three.
SLOTS: Final = 8


@contextmanager
def engine_slot(job: ShardJob) -> Iterator[None]:
    """Hold a slot while a shard asks its engine; wait for one where all are taken."""
    if job.engine is None:
        yield
        return
    from prefect.concurrency.sync import concurrency

    # A server that is away for a moment must not end a shard that pays for its answers.
    with concurrency(LIMIT, occupy=1, raise_on_lease_renewal_failure=False):
        yield


def make_limit(client: Any) -> None:
    """Make the limit on a server that has none; one that someone has changed stays as it is."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.exceptions import ObjectNotFound

    try:
        client.read_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=SLOTS))
