"""The flow that runs when seeds land: it claims what is in the ledger and makes a release of each content."""

from collections.abc import Iterator
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact

from flows.artifacts import artifact_key, cell
from flows.content import LaterError, Maker
from flows.runner import Shards
from flows.tell import tell
from tasks.core.errors import TransientError
from tasks.core.settings import settings
from tasks.landing.arrivals import take
from tasks.landing.claims import Claims
from tasks.landing.keeping import drop
from tasks.landing.ledger import Entry, Ledger, Outcome
from tasks.landing.mapping import load_landing

_WAIT_S = 5.0
_TOLD_EVERY = 20
_SHOWN = 200


@flow(
    name="seeds",
    flow_run_name="seeds",
    task_runner=Shards(),
    validate_parameters=True,
)
def seeds(uris: list[str] | None = None, config: str | None = None, limit: int = 1000) -> dict[str, int]:
    """Make a release of every content that landed and that no other run works on.

    Args:
        uris: Files that have landed, as file:// or s3:// URIs or paths; each must be below a source of the landing
            file. Empty for what the ledger holds.
        config: Path of the landing file, which maps path patterns to recipes; empty for the machine's, TILTH_LANDING.
        limit: Contents after which this run ends; further runs take the rest.
    """
    landing, ledger = load_landing(Path(config or settings().landing)), Ledger()
    try:
        for problem in take(uris or (), landing, ledger).problems:
            get_run_logger().warning(problem)
        with Claims(ledger, landing.lease_s) as claims:
            maker = Maker(landing, ledger, claims)
            ended = list(_worked(maker, limit))
        _tell(ledger)
    finally:
        ledger.close()
    if ended:
        create_markdown_artifact(_summary(ended), key="seeds", description="what became of the contents of one run")
    states = [state for _, state, _ in ended]
    return {state: states.count(state) for state in sorted(set(states))}


def _worked(maker: Maker, limit: int) -> Iterator[tuple[Entry, str, str]]:
    """Bring contents to their end one after the other; yield each with its state and what there is to say."""
    for number, entry in enumerate(maker.claims.take(min(maker.landing.batch, limit)), start=1):
        try:
            outcome = maker.outcome(entry)
        except LaterError as exc:
            yield entry, *_later(maker, entry, str(exc))
        else:
            yield entry, *_ended(maker, entry, outcome)
        if number % _TOLD_EVERY == 0:
            _tell(maker.ledger)
        if number >= limit:
            return


def _later(maker: Maker, entry: Entry, why: str) -> tuple[str, str]:
    if entry.tries >= maker.landing.tries:
        return _ended(maker, entry, Outcome("failed", reason=why))
    get_run_logger().warning("%s (%s) is tried again: %s", entry.uri, entry.id, why)
    maker.claims.postpone(entry, _WAIT_S * 2**entry.tries, why)
    return "postponed", why


def _ended(maker: Maker, entry: Entry, outcome: Outcome) -> tuple[str, str]:
    """Leave the artifact, then the ledger's entry: what the ledger says has ended, has left all it should."""
    said = outcome.reason or f"{outcome.rows:,} records in {outcome.release}"
    if outcome.state != "released":
        mended = f"Once the cause is gone: `tilth landed retry {entry.id}`"
        create_markdown_artifact(
            f"## {outcome.state}: {cell(entry.uri)}\n\n{cell(said)}\n\n{mended}",
            key=artifact_key("landed", entry.id),
            description=f"why nothing was released of {entry.name}",
        )
    if not maker.claims.finish(entry, outcome):
        return "taken over", "another run works on it"
    if not maker.ledger.unfinished(entry.digest):
        drop(entry.digest)
    get_run_logger().info("%s (%s) %s: %s", entry.uri, entry.id, outcome.state, said)
    return outcome.state, said


def _tell(ledger: Ledger) -> None:
    """Emit what ended; where the server does not answer now, the watcher or the reconciler will."""
    try:
        tell(ledger)
    except TransientError as exc:
        get_run_logger().warning("%s", exc)


def _summary(ended: list[tuple[Entry, str, str]]) -> str:
    lines = ["| content | landed as | state | |", "|---|---|---|---|"]
    lines += [f"| `{e.id}` | {cell(e.uri)} | {state} | {cell(said)} |" for e, state, said in ended[:_SHOWN]]
    more = len(ended) - _SHOWN
    return "\n".join([*lines, *([f"\nand {more:,} more"] if more > 0 else [])])
