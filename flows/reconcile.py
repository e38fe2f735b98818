"""The flow that runs every minute: enter what the sources list, submit what is overdue, tell again what was lost."""

from pathlib import Path

from prefect import flow, get_run_logger

from flows.tell import confirm, tell
from flows.wake import START_S, submit
from tasks.core.settings import settings
from tasks.landing.arrivals import look
from tasks.landing.ledger import Ledger
from tasks.landing.mapping import load_landing


@flow(name="reconcile", flow_run_name="reconcile", validate_parameters=True)
def reconcile(config: str | None = None, deployment: str = "seeds/seeds", grace_s: float = START_S) -> dict[str, int]:
    """Find what landed without a run, or whose run died, and submit it; tell again of ends that the server lost.

    Args:
        config: Path of the landing file, which names the sources; empty for the machine's, TILTH_LANDING.
        deployment: Deployment to submit, as flow/name.
        grace_s: Seconds for which a content may be due, or its run silent beyond its lease, before it is submitted.
    """
    landing, ledger = load_landing(Path(config or settings().landing)), Ledger()
    try:
        looked = look(landing, ledger)
        for problem in looked.problems:
            get_run_logger().warning(problem)
        submitted, told, again = submit(landing, ledger, deployment, grace_s), tell(ledger), confirm(ledger)
    finally:
        ledger.close()
    said = "%d files listed, %d contents new, %d runs submitted, %d ends told again"
    get_run_logger().info(said, looked.listed, looked.new, submitted, again)
    return {"listed": looked.listed, "new": looked.new, "submitted": submitted, "told": told, "told_again": again}
