"""The landing watcher: enters what lands in the sources of a landing file, and asks for runs."""

import argparse
import logging
import signal
import sys
from pathlib import Path

from deployments.watcher.watcher import Watcher
from flows.landing import exit_code
from tasks.core.settings import settings


def main() -> int:
    """Watch until a signal comes; 2 where the landing file is wrong."""
    parser = argparse.ArgumentParser(prog="python -m deployments.watcher", description=__doc__)
    parser.add_argument("--config", type=Path, default=settings().landing, help="landing file; default TILTH_LANDING")
    parser.add_argument("--deployment", default="seeds/seeds", help="deployment to submit, as flow/name")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for noisy in ("alembic", "httpx", "watchfiles"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return exit_code(lambda: _watch(given.config, given.deployment))


def _watch(config: Path, deployment: str) -> None:
    watcher = Watcher(config, deployment)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watcher.stop())
    watcher.run()


if __name__ == "__main__":
    sys.exit(main())
