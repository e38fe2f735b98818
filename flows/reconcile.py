"""The flow that runs every minute: what the sources list and the ledger lacks is entered, what is overdue submitted."""

from pathlib import Path

from prefect import flow, get_run_logger

from flows.wake import START_S, submit, tell
from tasks.landing.arrivals import look
from tasks.landing.ledger import Ledger
from tasks.landing.mapping import load_landing


@flow(name="reconcile", flow_run_name="reconcile", validate_parameters=True)
def reconcile(
    config: str = "deployments/landing.yaml", deployment: str = "seeds/seeds", grace_s: float = START_S
) -> dict[str, int]:
    """Find what landed without a run, or whose run died, and submit it.

    Args:
        config: Path of the landing file, which names the sources.
        deployment: Deployment to submit, as flow/name.
        grace_s: Seconds for which a content may be due, or its run silent beyond its lease, before it is submitted.
    """
    landing, ledger = load_landing(Path(config)), Ledger()
    try:
        looked = look(landing, ledger)
        for problem in looked.problems:
            get_run_logger().warning(problem)
        submitted, told = submit(landing, ledger, deployment, grace_s), tell(ledger)
    finally:
        ledger.close()
    get_run_logger().info("%d files listed, %d contents new, %d runs submitted", looked.listed, looked.new, submitted)
    return {"listed": looked.listed, "new": looked.new, "submitted": submitted, "told": told}
