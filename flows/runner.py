"""Where shards are made: threads of this process, processes of this machine, or the workers of a Dask cluster."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from flows.cluster import CONNECT_S, check_runner
from tasks.core.settings import Runner, settings


class Shards(TaskRunner[Any]):
    """The task runner that the settings of this machine name, started with the first shard.

    A flow's own is fixed when its file is imported, which a deployment does too: not the moment to ask for a cluster.
    What is wrong with the choice fails the run with one line, inside its body.
    """

    def __init__(self) -> None:
        super().__init__()
        self._chosen: TaskRunner[Any] | None = None
        self._open = ExitStack()

    def duplicate(self) -> "Shards":
        """Return one for another run."""
        return Shards()

    def submit(self, task: Any, parameters: dict[str, Any], *rest: Any, **options: Any) -> Any:
        """Return the future of a task, handed to the runner that was chosen."""
        return self._chosen_runner().submit(task, parameters, *rest, **options)

    @property
    def lanes(self) -> int:
        """How many tasks run beside each other; a Dask cluster may grow and shrink."""
        chosen = self._chosen_runner()
        return sum(chosen.client.nthreads().values()) if settings().runner == "dask" else settings().workers

    def _chosen_runner(self) -> Any:
        if self._chosen is None:
            self._open.enter_context(_one_server(settings().runner))
            self._chosen = self._open.enter_context(task_runner(settings().runner, settings().dask_address))
        return self._chosen

    def __exit__(self, *raised: object) -> None:
        """End what was started."""
        self._open.close()
        self._chosen = None
        super().__exit__(*raised)


def lanes() -> int:
    """Return how many shards the task runner of the flow that runs here makes beside each other."""
    run = FlowRunContext.get()
    runner = run.task_runner if run else None
    return max(runner.lanes if isinstance(runner, Shards) else settings().workers, 1)


@contextmanager
def _one_server(name: Runner) -> Iterator[None]:
    """Let other processes report to the server that Prefect started for this one: each would start its own.

    The command line has named its own by then; this is for a flow that is called from Python.
    """
    if name == "threads" or PREFECT_API_URL.value():
        yield
        return
    from prefect.server.api.server import SubprocessASGIServer

    with temporary_settings({PREFECT_API_URL: f"{SubprocessASGIServer().address}/api"}):
        yield


def task_runner(name: Runner, address: str = "") -> TaskRunner[Any]:
    """Return a task runner as wide as the settings say; UserError where it cannot work here.

    Threads share one import and one engine, and NumPy, Arrow and requests let go of the interpreter lock: they are the
    default. A task run on processes or Dask costs 0.2 s, and 3 s to the first of a process (`flows.chunks`).
    """
    check_runner(name, address)
    match name:
        case "threads":
            return ThreadPoolTaskRunner(max_workers=settings().workers)
        case "processes":
            return ProcessPoolTaskRunner(max_workers=settings().workers)
        case "dask":
            from prefect_dask import DaskTaskRunner

            return DaskTaskRunner(address=address, client_kwargs={"set_as_default": False, "timeout": CONNECT_S})
        case "ray":
            from prefect_ray import RayTaskRunner

            return RayTaskRunner(address=address or None)
