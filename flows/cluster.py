"""Whether the task runner of this machine's settings can work, found out without loading Prefect."""

from importlib.util import find_spec

from tasks.core.errors import UserError
from tasks.core.settings import Runner, settings

CONNECT_S = 10.0


def check_runner(name: Runner, address: str = "") -> None:
    """Raise UserError where a task runner cannot work here."""
    if name == "dask":
        _check_dask(address)
    if name == "ray" and find_spec("prefect_ray") is None:
        raise UserError(
            "runner 'ray' needs prefect-ray, which this project neither ships nor tests; take dask, or processes"
        )


def _check_dask(address: str) -> None:
    if find_spec("prefect_dask") is None:
        raise UserError("runner 'dask' needs prefect-dask: pip install -e '.[dask]', or take threads or processes")
    if not address:
        raise UserError(
            "runner 'dask' needs TILTH_DASK_ADDRESS, the address of a scheduler, e.g. tcp://10.0.0.5:8786; "
            "`dask scheduler` starts one; processes needs none"
        )
    check_cluster(address)


def check_cluster(address: str) -> None:
    """Raise UserError where no scheduler answers, or where its workers would not see the shards of each other."""
    from distributed import Client

    try:
        with Client(address, timeout=CONNECT_S, set_as_default=False) as client:
            homes = client.run(_home)
    except ImportError as exc:
        raise UserError(f"a Dask worker of '{address}' cannot import tilth ({exc}): install it there") from exc
    except (OSError, ValueError, TimeoutError) as exc:
        raise UserError(f"no Dask scheduler answers at TILTH_DASK_ADDRESS '{address}'") from exc
    if not homes:
        raise UserError(f"the Dask scheduler at '{address}' has no worker: `dask worker {address}` starts one")
    for worker, home in homes.items():
        if home != _home():
            raise UserError(
                f"Dask worker {worker} keeps shards in {home}, this run in {_home()}: "
                f"start it with TILTH_HOME={settings().home.absolute()}, a folder that both see"
            )


def _home() -> str:
    return str(settings().work)
