"""How many task runs a second a Prefect server writes down: real events, told again under new ids at a steady rate.

A flow that makes 200 task runs a second takes more than the cores of this machine by itself; what is asked here is the
server. So the events of one real task run are taken from it, and 2,400 more like them sent as Prefect's own client
sends them: over one web socket, three events each, in order, a twentieth of a second's worth at a time.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from tests.integration.machine import Machine

RATE = 240
_TASKS = 2_400
_TURN_S = 0.05
_PATIENCE_S = 120.0
_FLOW = """
from prefect import flow, task
from prefect.runtime import flow_run
@task
def nothing(): return 1
@flow(name="ingest")
def one():
    nothing.submit().result()
    return flow_run.id
print(one())
"""


def ingest(own: Machine, rate: int = RATE) -> float:
    """Return the task runs a second that the server has written down, of those told at `rate` a second.

    From the first word until the last task run is listed as completed; `rate` at most.
    """
    turns = _turns(_events_of_one(own), rate)
    before = _completed(own)
    began = time.monotonic()
    asyncio.run(_tell(own, turns))
    while (there := _completed(own) - before) < _TASKS and time.monotonic() < began + _PATIENCE_S:
        time.sleep(0.1)
    return there / max(time.monotonic() - began, _TASKS / rate)


def _events_of_one(own: Machine) -> list[dict[str, Any]]:
    """Return the events of a real task run, the first at the head."""
    environment = {**own.environment, "PREFECT_API_URL": f"{own.ui}/api", "PREFECT_LOGGING_LEVEL": "ERROR"}
    said = subprocess.run([sys.executable, "-c", _FLOW], env=environment, check=True, capture_output=True, text=True)
    run = f"prefect.flow-run.{said.stdout.split()[-1]}"
    wanted = {"filter": {"event": {"prefix": ["prefect.task-run."]}}, "limit": 50}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        events = own.ask("POST", "/events/filter", wanted)["events"]
        found = [event for event in events if run in json.dumps(event["related"])]  # others' task runs end as well
        last = next((event for event in found if event["event"] == "prefect.task-run.Completed"), None)
        if last:
            mine = [event for event in found if event["resource"]["prefect.resource.id"] == _resource(last)]
            return sorted(mine, key=lambda event: event["occurred"])
        time.sleep(0.2)
    raise TimeoutError("the server lists no event of a completed task run")


def _resource(event: dict[str, Any]) -> str:
    return str(event["resource"]["prefect.resource.id"])


def _copies(events: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    """Yield the events of task runs like the one that they are of, as JSON, each with ids of its own."""
    text = json.dumps([{name: value for name, value in event.items() if name != "received"} for event in events])
    old = [str(event["id"]) for event in events] + [_resource(events[0]).rpartition(".")[2]]
    key = json.dumps(events[0]["payload"]["task_run"]["dynamic_key"])
    while True:
        copy = text.replace(f'"dynamic_key": {key}', f'"dynamic_key": "{uuid4()}"')
        for each in old:
            copy = copy.replace(each, str(uuid4()))
        yield [json.dumps(event) for event in json.loads(copy)]


def _turns(events: Sequence[dict[str, Any]], rate: int) -> list[list[str]]:
    """Return what is sent in each twentieth of a second."""
    copies, turns = _copies(events), int(_TASKS / (rate * _TURN_S))
    return [[event for _ in range(_TASKS // turns) for event in next(copies)] for _ in range(turns)]


async def _tell(own: Machine, turns: Sequence[Sequence[str]]) -> None:
    from websockets.asyncio.client import connect

    async with connect(f"{own.ui.replace('http', 'ws')}/api/events/in") as socket:
        began = time.monotonic()
        for number, messages in enumerate(turns):
            await asyncio.sleep(max(began + number * _TURN_S - time.monotonic(), 0.0))
            for message in messages:
                await socket.send(message)


def _completed(own: Machine) -> int:
    wanted = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}, "flows": {"name": {"any_": ["ingest"]}}}
    return int(own.ask("POST", "/task_runs/count", wanted))
