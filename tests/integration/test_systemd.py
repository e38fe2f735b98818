"""The units of systemd, on a machine that systemd boots: they start, come back, and survive a power cut."""

import json
from pathlib import Path

import pytest

from tests.engines.models import llama
from tests.integration.booted import Booted, CannotBoot, booted
from tests.integration.machine import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
UNITS = ("tilth-server", "tilth-worker@cpu", "tilth-worker@gpu", "tilth-watcher")
# As the head of tilth-server.service and the README say, with a landing file of its own.
INSTALL = """
useradd --system --create-home tilth
cp /opt/tilth/deployments/*/*.service /opt/tilth/deployments/*/*.target /etc/systemd/system/
install -D -m 600 /opt/tilth/deployments/systemd/tilth.env /etc/tilth/tilth.env
echo TILTH_LANDING=/etc/tilth/landing.yaml >> /etc/tilth/tilth.env
sed -e "s#path: ../landing#path: /var/lib/tilth/landing#" \
  -e "s#recipe: recipes#recipe: /opt/tilth/deployments/recipes#" \
  -e "s#releases: ../releases#releases: /var/lib/tilth/releases#" \
  /opt/tilth/deployments/landing.yaml > /etc/tilth/landing.yaml
install -d -o tilth -g tilth /var/lib/tilth /var/lib/tilth/landing
systemctl enable tilth.target
"""
SEEDS = (ROOT / "deployments/recipes/quickstart/seeds/tickets.jsonl").read_text(encoding="utf-8").splitlines()
_AT_ONCE = 30
_START_S, _RELEASE_S = 180, 120


@pytest.fixture(scope="module")
def machine():
    try:
        with booted(INSTALL) as own:
            yield own
    except CannotBoot as exc:
        pytest.skip(f"no machine that systemd boots can be made here: {exc}")


def active(own: Booted):
    """Wait until every unit runs, the server with its deployments made."""

    def all_run():
        said = own.run("systemctl", "is-active", *UNITS).stdout.split()
        return said == ["active"] * len(UNITS)

    own.until(all_run, _START_S)


def main_pid(own: Booted, unit: str) -> str:
    return own.run("systemctl", "show", "-p", "MainPID", "--value", unit).stdout.strip()


def land(own: Booted, number: int):
    """Put a file where seeds land, as another program would."""
    place = Path(f"/proc/{own.init}/root/var/lib/tilth/landing/{number}.jsonl")
    place.write_text("\n".join(SEEDS[number * _AT_ONCE :][:_AT_ONCE]), encoding="utf-8")


def released(own: Booted, files: int):
    """Wait for so many releases; return the rows of each."""
    releases = Path(f"/proc/{own.init}/root/var/lib/tilth/releases/texts")
    found = own.until(lambda: len(there := sorted(releases.glob("*/manifest.json"))) >= files and there, _RELEASE_S)
    return [json.loads(path.read_text())["rows"] for path in found]


def test_machine_that_boots_serves(machine):
    """Server, workers and watcher run as the user `tilth`, and a file that lands becomes a release."""
    active(machine)
    land(machine, 0)
    (rows,) = released(machine, 1)
    assert rows > _AT_ONCE
    users = set(machine.run("ps", "-o", "user=", "-C", "python").stdout.split())
    assert users == {"tilth"}


@pytest.mark.parametrize("unit", UNITS)
def test_program_that_dies_is_started_again(machine, unit):
    active(machine)
    first = main_pid(machine, unit)
    assert machine.run("systemctl", "kill", "-s", "SIGKILL", unit).returncode == 0
    machine.until(lambda: main_pid(machine, unit) not in {first, "0"}, 60)
    active(machine)


def test_power_cut_loses_nothing(machine):
    """What was released stays and is not made again; what landed just before the cut is released after it."""
    active(machine)
    (rows,) = released(machine, 1)
    land(machine, 1)
    machine.cut()
    machine.boot()
    active(machine)
    assert rows in released(machine, 2)
    listed = machine.run(
        *("runuser", "-u", "tilth", "--", "env", "TILTH_HOME=/var/lib/tilth/home", "bash", "-c"),
        "cd /opt/tilth && .venv/bin/python -c 'from flows.cli import main; main()' landed --json",
    )
    assert listed.returncode == 0, listed.stderr
    entries = json.loads(listed.stdout)
    assert [entry["state"] for entry in entries] == ["released", "released"]
    assert len({entry["digest"] for entry in entries}) == 2


VLLM = """
MODEL=/srv/models/small
NAME=small
PORT=8000
VLLM_API_KEY=a-key
"""


@pytest.mark.skipif(not (ROOT / ".venv-vllm" / "bin" / "vllm").is_file(), reason="vLLM is not installed")
def test_vllm_serves_a_model_as_a_service(machine):
    """`systemctl start` returns when it answers; it wants the key; killed, it serves again."""
    root = Path(f"/proc/{machine.init}/root")
    llama(root / "srv/models/small", chat=True)
    machine.run("chmod", "-R", "a+rX", "/srv/models")
    (root / "etc/tilth/vllm.env").write_text(VLLM)
    started = machine.run("systemctl", "start", "tilth-vllm", seconds=300)
    assert started.returncode == 0, machine.run("journalctl", "-u", "tilth-vllm", "-n", "30", "-o", "cat").stdout
    ask = (*("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"), "http://127.0.0.1:8000/v1/models")
    key = ("-H", "Authorization: Bearer a-key")
    assert (machine.run(*ask).stdout, machine.run(*ask, *key).stdout) == ("401", "200")
    machine.run("systemctl", "kill", "-s", "SIGKILL", "tilth-vllm")
    machine.until(lambda: machine.run(*ask, *key).stdout != "200", 30)
    machine.until(lambda: machine.run(*ask, *key).stdout == "200", 300)
    machine.run("systemctl", "stop", "tilth-vllm", seconds=120)
