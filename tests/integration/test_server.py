"""A machine of its own: `up`, runs through its workers, a run whose process dies, `down`."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.server.deploy import deployments
from tests.integration.machine import ROOT, children, machine, refused

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
TEMPLATE = {"template": "{{ a }} {{ b }}", "slots": {"a": {"range": [0, 100_000]}, "b": {"range": [0, 1000]}}}
# Long enough to be killed in the middle: half a second a shard, forty shards.
LONG = {"method": "template", "params": TEMPLATE, "count": 400_000, "overrides": ["stages.template.shard_rows=10000"]}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with machine(tmp_path_factory.mktemp("machine")) as own:
        yield own


def pids(own):
    """Return the pid of each program of the machine, by name."""
    return {p.stem: int(p.read_text().split()[0]) for p in Path(own.environment["TILTH_HOME"], "server").glob("*.pid")}


def data_bytes(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "data").glob("*"))}


def test_up_makes_every_deployment(own):
    """What the Prefect file names is there, on its work pool, with what it says of itself, and a URL to look at."""
    made = {found["name"]: found for found in own.ask("POST", "/deployments/filter", {})}
    for spec in deployments():
        found = made.pop(spec["name"])
        assert (found["work_pool_name"], found["entrypoint"]) == (spec["work_pool"]["name"], spec["entrypoint"])
        assert found["description"] == spec["description"]
        assert found["enforce_parameter_schema"]
        assert [s["active"] for s in found["schedules"]] == [s["active"] for s in spec.get("schedules", [])]
    assert made == {}
    assert own.ui in own.said


def test_second_up_is_quick_and_leaves_everything_running(own):
    before, began = pids(own), time.monotonic()
    done = own.command("up")
    assert (done.returncode, time.monotonic() - began < 15) == (0, True), done
    assert pids(own) == before
    assert own.command("status").returncode == 0


def test_deploy_of_prefect_makes_the_same_deployments(own):
    """`prefect deploy --all` reads the same file: nothing that matters differs from what `up` made."""

    def made():
        mattering = ("entrypoint", "parameters", "parameter_openapi_schema", "tags", "description", "concurrency_limit")
        mattering += ("concurrency_options", "pull_steps", "path", "work_pool_name", "enforce_parameter_schema")
        return {f["name"]: {key: f[key] for key in mattering} for f in own.ask("POST", "/deployments/filter", {})}

    before = made()
    environment = {**own.environment, "PREFECT_API_URL": f"{own.ui}/api", "TILTH_ROOT": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "prefect",
        "--no-prompt",
        "deploy",
        "--all",
        "--prefect-file",
        "deployments/prefect.yaml",
    ]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=600)
    assert made() == before


def test_schedules_are_switched_by_one_command_and_stay_so(own):
    """On, a new `up` that deploys again, still on; then off."""

    def nightly():
        return own.ask("GET", "/deployments/name/pipeline/pipeline")["schedules"][0]["active"]

    assert own.command("schedules", "on").returncode == 0
    assert nightly()
    Path(own.environment["TILTH_HOME"], "server", "deployed").unlink()
    assert own.command("up").returncode == 0
    assert nightly()
    assert own.command("schedules", "off").returncode == 0
    assert not nightly()


@pytest.mark.parametrize(
    ("deployment", "parameters", "named"),
    [
        ("rules/rules", {"method": "cgf"}, "cgf"),
        ("rules/rules", {"count": "many"}, "many"),
        ("pipeline/pipeline", {"seed": "x"}, "x"),
        ("seeds/seeds", {"uris": 5}, "5"),
    ],
    ids=["unknown-method", "count", "seed", "uris"],
)
def test_wrong_value_is_refused_before_there_is_a_run(own, deployment, parameters, named):
    """The form's request is answered with 409 or 422 and the value, and no run is made."""
    error = refused(own, deployment, **parameters)
    assert error.code in {409, 422}
    assert named in error.read().decode()


def test_run_of_a_deployment_goes_through_the_worker(own, tmp_path):
    run = own.run("rules/rules", method="template", params=TEMPLATE, count=50, out=str(tmp_path / "out"))
    assert own.wait(run) == "COMPLETED"
    assert (tmp_path / "out" / "manifest.json").is_file()
    assert own.ask("GET", f"/flow_runs/{run}")["name"] == "rules · template"


def engine_of(own, run):
    """Return the process that executes a flow run: the one that has its id in its environment."""
    for pid in children(pids(own)["worker-cpu"]):
        try:
            words = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if run.encode() in words:
            yield pid


def test_run_whose_process_was_killed_is_run_again_and_gives_the_same_bytes(own, tmp_path):
    """SIGKILL: the automation makes it CRASHED, `revive` schedules it, it completes, and the bytes are the same."""
    (zombies,) = own.ask("POST", "/automations/filter", {"automations": {"name": {"any_": ["zombies"]}}})
    patient, core = zombies["trigger"]["within"], ("name", "description", "enabled", "trigger", "actions")
    impatient = {key: zombies[key] for key in core} | {"trigger": zombies["trigger"] | {"within": 45}}
    own.ask("PUT", f"/automations/{zombies['id']}", impatient)
    run = own.run("rules/rules", **LONG, out=str(tmp_path / "cut"))
    work = Path(own.environment["TILTH_HOME"], "work")
    own.wait(run, "RUNNING")
    before = len(list(work.rglob("*.parquet")))
    deadline = time.monotonic() + 120
    while len(list(work.rglob("*.parquet"))) < before + 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in engine_of(own, run):
        os.kill(pid, signal.SIGKILL)
    worker = pids(own)["worker-cpu"]
    os.killpg(worker, signal.SIGKILL)  # as when the machine loses power: nobody is left to report the run
    assert own.state(run) == "RUNNING"
    assert own.wait(run, "CRASHED", seconds=240) == "CRASHED"
    assert own.command("up").returncode == 0
    own.run("revive/revive", tries=3)
    own.wait(run, "SCHEDULED", "PENDING", "RUNNING", "COMPLETED")
    assert own.wait(run, "COMPLETED", "FAILED") == "COMPLETED"
    whole = own.run("rules/rules", **LONG, out=str(tmp_path / "whole"), seed=0)
    assert own.wait(whole) == "COMPLETED"
    assert data_bytes(tmp_path / "cut") == data_bytes(tmp_path / "whole")
    assert len(data_bytes(tmp_path / "whole")) >= 40
    assert patient == 90


def test_down_leaves_no_process(tmp_path):
    """Not even the flow run that was under way; a second `down` says that nothing ran."""
    with machine(tmp_path) as own:
        run = own.run("rules/rules", **LONG, out=str(tmp_path / "out"))
        own.wait(run, "RUNNING")
        every = [pid for root in pids(own).values() for pid in (root, *children(root))]
        assert own.command("down").returncode == 0
        left = [pid for pid in every if Path(f"/proc/{pid}/cmdline").exists()]
        assert [Path(f"/proc/{pid}/cmdline").read_text() for pid in left if _alive(pid)] == []
        assert "was not running" in own.command("down").stdout
        assert own.command("status").returncode == 1


def _alive(pid):
    return not re.search(r"\) Z ", Path(f"/proc/{pid}/stat").read_text())


@pytest.mark.parametrize("key", ["", "reader:secret"], ids=["no-key", "key"])
def test_up_on_postgresql_and_redis_beyond_loopback(tmp_path, key):
    """Without a key it is refused in one line; with one, the API wants it, and a run goes through."""
    from tests.soak.cluster import REDIS
    from tests.soak.postgres import BINARIES, MISSING, free_port, postgres

    if not BINARIES or not REDIS:
        pytest.skip(f"{MISSING} redis-server")
    redis_port, port = free_port(), free_port()
    redis = [REDIS, "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with postgres(free_port()) as url, subprocess.Popen(redis, stdout=subprocess.DEVNULL) as broker:
        from tests.integration.machine import Machine

        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "TILTH_"))}
        environment |= {"TILTH_HOME": str(tmp_path / "home"), "TILTH_DATABASE_URL": url, "TILTH_API_KEY": key}
        own = Machine(environment | {"TILTH_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0"}, port)
        try:
            done = own.command("up", "--host", "0.0.0.0", "--port", str(port))  # noqa: S104  what is tested
            if not key:
                assert (done.returncode, done.stderr.count("\n")) == (2, 1)
                assert "TILTH_API_KEY" in done.stderr
                return
            assert done.returncode == 0, done.stderr
            with pytest.raises(OSError, match="401"):
                own.ask("POST", "/deployments/filter", {})
            assert _prefect(own, key, "deployment", "run", "rules/rules", *_words(tmp_path / "out")) == 0
            end = time.monotonic() + 200
            while not (tmp_path / "out" / "manifest.json").is_file() and time.monotonic() < end:
                time.sleep(0.5)
            assert (tmp_path / "out" / "manifest.json").is_file()
            assert not list(Path(environment["TILTH_HOME"]).rglob("prefect.db"))
        finally:
            own.command("down")
            broker.terminate()


def _words(out):
    params = '{"template": "{{ a }}", "slots": {"a": {"range": [0, 1000]}}}'
    return (
        "--param",
        'method="template"',
        "--param",
        f"params={params}",
        "--param",
        "count=20",
        "--param",
        f"out={out}",
    )


def _prefect(own, key, *words):
    environment = {**own.environment, "PREFECT_API_URL": f"{own.ui}/api", "PREFECT_API_AUTH_STRING": key}
    command = [sys.executable, "-m", "prefect", *words]
    return subprocess.run(command, env=environment, timeout=200, check=False).returncode
