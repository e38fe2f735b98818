"""Run untrusted Python programs in a child process that cannot reach the network, the user's files or other processes.

Two levels, the better one that works is taken. Both give a program: no network but an unconnected loopback; no view of
the file system but the system libraries and the interpreter, read-only (so no /etc/passwd and no home directory), and
an empty 8 MB directory that is wiped after it; its own process table, in which everything it started is killed at its
verdict; no environment; limits on CPU time, memory, file size, open files and processes; no capability and no way to
gain one. They differ in who builds the walls:

- `bwrap`: bubblewrap (https://github.com/containers/bubblewrap), reviewed for that purpose.
- `namespaces`: the same Linux namespaces, entered by our own child (unshare, a new root by pivot_root). It needs Linux
  5.12 and the right to make user namespaces, or root.

Neither filters system calls: a bug in the kernel is outside what they guard against. Memory is limited per process,
so a program may hold `processes` times `memory_mb`.

A verdict cannot be forged: a program never sees the values that are expected of it. It is given calls, and answers on
a pipe of its own with the values' text; they are compared in this process. To print, to exit with 0 or to write to that
pipe gets it nothing but the loss of its answer. A program that knew the right values would have to compute them.
"""

import ast
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from tasks.core.errors import RecipeError, ShardError

Level = Literal["bwrap", "namespaces"]
LEVELS: tuple[Level, ...] = ("bwrap", "namespaces")
# passed: every value is as expected. failed: a value is not. error: an exception. timeout: out of CPU time.
# crash: it ended without an answer. stuck: it was neither done nor out of CPU time when the wall clock ran out.
Status = Literal["passed", "failed", "error", "timeout", "crash", "stuck"]

_CHILD = Path(__file__).with_name("_sandbox_child.py")
_START_S = 20.0
_LITERAL_CHARS = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use; `cpu_s` decides the verdict `timeout`, `wall_s` the verdict `stuck`."""

    cpu_s: float = 2.0
    wall_s: float = 30.0
    memory_mb: int = 256
    file_kb: int = 64
    processes: int = 4


@dataclass(frozen=True, slots=True)
class Program:
    """Source text, expressions to evaluate after it, and the value of each as Python literal text.

    Without `expected` the program is only run: it passes when every call returns, and the verdict holds the values.
    """

    source: str
    calls: tuple[str, ...]
    expected: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a program.

    `values` are the reprs of the calls' values, empty unless all of them returned. `wrong` are the places of the calls
    whose value is not as expected; after an exception the place of the call that raised it (0 for the source itself).
    """

    status: Status
    values: tuple[str, ...] = ()
    detail: str = ""
    cpu_s: float = 0.0
    wrong: tuple[int, ...] = ()


def run_programs(
    programs: Sequence[Program], limits: Limits | None = None, level: Level | None = None, together: int = 1
) -> list[Verdict]:
    """Return one verdict a program, in order; all run in one child process, each in a fork of its own.

    A program that brings the child down gets the verdict `crash` and the rest run in a new child. ShardError where a
    child does not start.

    `together` above 1 runs that many neighbours in one fork, each in a scope of its own, which is several times as fast
    (a fork is most of the cost). One of them could then tamper with the next: only for sources of one trusted author.
    """
    limits, level = limits or Limits(), level or working_level()
    verdicts: list[Verdict] = []
    while len(verdicts) < len(programs):
        rest = programs[len(verdicts) :]
        answers = _batch(rest, limits, level, together)
        verdicts += [_verdict(program, answer) for program, answer in zip(rest, answers, strict=False)]
        if len(answers) < len(rest):
            verdicts.append(Verdict("crash", detail="the sandbox ended with it"))
    return verdicts


def program_of(source: str, tests: str) -> Program:
    """Return the program of a source and its tests, lines of `assert call == literal`; ValueError for other tests."""
    pairs = [_pair(node) for node in ast.parse(tests).body]
    return Program(source, tuple(call for call, _ in pairs), tuple(value for _, value in pairs))


def _pair(node: ast.stmt) -> tuple[str, str]:
    if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
        value = node.test.comparators[0]
        if isinstance(node.test.ops[0], ast.Eq):
            return ast.unparse(node.test.left), repr(ast.literal_eval(value))
    raise ValueError(f"a test is not of the form `assert call == literal`: {ast.unparse(node)}")


@cache
def working_level() -> Level:
    """Return the first of LEVELS that runs a program here; RecipeError says what is missing where none does."""
    reasons = []
    for level in LEVELS:
        why = problem(level)
        if not why:
            return level
        reasons.append(f"{level}: {why}")
    said = "; ".join(reasons)
    raise RecipeError(f"no sandbox to run programs in; install the package 'bubblewrap' (Linux only) ({said})")


def look_ahead() -> None:
    """Start to find out whether the better level works, in a thread: its trial takes a twentieth of a second."""
    threading.Thread(target=problem, args=LEVELS[:1], daemon=True).start()


_trying = threading.Lock()


def problem(level: Level) -> str:
    """Return why `level` cannot run programs here, an empty string where it can."""
    with _trying:  # who comes while it is found out waits for that
        return _problem(level)


@cache
def _problem(level: Level) -> str:
    if not sys.platform.startswith("linux"):
        return f"needs Linux, not {sys.platform}"
    if level == "bwrap" and shutil.which("bwrap") is None:
        return "the program bwrap is not installed"
    try:
        answers = _batch([Program("import socket\nx = 20", ("x + 1",))], Limits(), level)
    except ShardError as exc:
        return str(exc)
    return "" if answers and answers[0][:2] == ["ran", ["21"]] else f"a trial program did not run: {answers}"


def _batch(programs: Sequence[Program], limits: Limits, level: Level, together: int = 1) -> list[list]:
    """Return the child's answers, fewer than `programs` where the child ended before its time."""
    jobs_of = [[program.source, program.calls] for program in programs]
    groups = [jobs_of[start : start + together] for start in range(0, len(jobs_of), together)]
    batch = {"limits": asdict(limits), "groups": groups}
    answers = []
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as jobs:
        jobs.write(json.dumps(batch).encode())
        jobs.seek(0)
        with subprocess.Popen(  # noqa: S603 - our own child, by its full path
            _command(level), stdin=jobs, stdout=subprocess.PIPE, stderr=errors, env={}, cwd="/", start_new_session=True
        ) as child:
            try:
                lines = _lines(child, len(programs), limits.wall_s * (together + 1) + _START_S)
                ready = next(lines, None)
                answers = [json.loads(line) for line in lines]
            finally:
                child.kill()
        if ready != '"ready"':
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            raise ShardError(f"the {level} sandbox did not start: {said[-1] if said else 'no message'}")
    return answers


def _lines(child: subprocess.Popen, count: int, quiet_s: float) -> Iterator[str]:
    """Yield the first line and `count` more as they come; end early where the child does, or is silent too long."""
    pipe, held = child.stdout.fileno(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while count >= 0 and selector.select(quiet_s):
            part = os.read(pipe, 1 << 16)
            if not part:
                return
            *lines, held = (held + part).split(b"\n")
            count -= len(lines)
            yield from (line.decode() for line in lines)


def _command(level: Level) -> list[str]:
    python = [os.path.realpath(sys.executable), "-I", "-S", "-B"]
    if level == "namespaces":
        return [*python, str(_CHILD), level]
    shown = [path for path in ("/usr", "/lib", "/lib64", "/bin") if Path(path).exists()]
    # bwrap makes the parents of a mount 0700, which the child could not pass once it is no longer root.
    above = [str(path) for path in reversed(Path(sys.base_prefix).parents)][1:]
    parts = [
        "--unshare-ipc --unshare-pid --unshare-net --unshare-uts --as-pid-1 --die-with-parent --clearenv",
        # Root is not mapped to anyone else by a user namespace: the child gives root up itself, and needs these for it.
        "--cap-add CAP_SETUID --cap-add CAP_SETGID" if os.geteuid() == 0 else "--unshare-user",
        "--perms 0755 --dir /dev --dev-bind /dev/null /dev/null --perms 1777 --size 8388608 --tmpfs /tmp",
    ]
    mounts = [part for path in above for part in ("--perms", "0755", "--dir", path)]
    mounts += [part for path in (*shown, sys.base_prefix) for part in ("--ro-bind", path, path)]
    mounts += ["--ro-bind", str(_CHILD), "/sandbox.py", "--remount-ro", "/"]
    return [str(shutil.which("bwrap")), *" ".join(parts).split(), *mounts, "--", *python, "/sandbox.py", level]


def _verdict(program: Program, answer: list) -> Verdict:
    status, values, detail, cpu_s = answer
    if status == "error":
        at = int(detail.removeprefix("call ").partition(":")[0])
        return Verdict(status, (), detail, cpu_s, (min(at, len(program.calls)),))
    if status != "ran":
        return Verdict(status, (), detail, cpu_s)
    expected = program.expected or values
    wrong = tuple(i for i, pair in enumerate(zip(values, expected, strict=True)) if not _same(*pair))
    if not wrong:
        return Verdict("passed", tuple(values), "", cpu_s)
    at = wrong[0]
    detail = f"{program.calls[at]} is {values[at][:80]}, not {expected[at][:80]}"
    return Verdict("failed", tuple(values), detail, cpu_s, wrong)


def _same(value: str, expected: str) -> bool:
    """Return whether two literals are equal as Python values; the text is compared first, it nearly always decides."""
    if value == expected:
        return True
    if max(len(value), len(expected)) > _LITERAL_CHARS:
        return False
    try:
        return bool(ast.literal_eval(value) == ast.literal_eval(expected))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
