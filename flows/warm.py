"""What a flow run imports, imported before there is one: five seconds of a core."""

import os
from importlib import import_module

from quality.suites.run import warm_up

_MODULES = ("prefect.engine", "prefect.flow_engine", "flows.seeds", "flows.pipeline", "flows.reconcile", "flows.revive")
_OF_POSTGRESQL = ("psycopg", "sqlalchemy.dialects.postgresql.psycopg")


def import_all() -> None:
    """Import Prefect, the flows that run most often, their ledger's driver, and Great Expectations."""
    for name in (*_MODULES, *(_OF_POSTGRESQL if os.environ.get("TILTH_DATABASE_URL") else ())):
        import_module(name)
    warm_up()
