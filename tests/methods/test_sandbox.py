"""The sandbox against programs that want out, want everything, or want a verdict that they have not earned."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from tasks.core.errors import RecipeError, ShardError
from tasks.methods.rules import _sandbox
from tasks.methods.rules._sandbox import (
    LEVELS,
    Level,
    Limits,
    Program,
    problem,
    program_of,
    run_programs,
    working_level,
)

SMALL = Limits(cpu_s=0.3, wall_s=6, memory_mb=128)
# For what waits until the wall clock runs out.
SHORT = Limits(cpu_s=0.3, wall_s=0.4, memory_mb=128)
HONEST = Program("def f():\n    return 1\n", ("f()",), ("1",))


@pytest.fixture(params=LEVELS)
def level(request) -> Level:
    """Each level that works on this machine; the others say why they do not."""
    if why := problem(request.param):
        pytest.skip(f"{request.param}: {why}")
    return request.param


def judged(source: str, level: Level, limits: Limits = SMALL) -> _sandbox.Verdict:
    """Return the verdict on one program whose call `f()` should give 1; the program after it must pass."""
    verdict, following = run_programs([Program(source, ("f()",), ("1",)), HONEST], limits, level)
    assert following.status == "passed", "a hostile program spoilt the one after it"
    return verdict


HOSTILE = {
    "infinite loop": ("while True:\n    pass", {"timeout"}),
    "loop that ignores the signal": (
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True:\n    pass",
        {"timeout"},
    ),
    "memory bomb": ("held = []\nwhile True:\n    held.append(bytes(10**6))", {"error"}),
    "fork bomb": (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        {"timeout", "stuck"},
    ),
    "big file": ("open('big', 'wb').write(bytes(10**7))\ndef f():\n    return 1", {"crash"}),
    "many files": (
        "for place in range(10**5):\n    open(f'{place}', 'wb').write(bytes(60_000))\ndef f():\n    return 1",
        {"error"},
    ),
    "deep folders": (
        "import os\nwhile True:\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)\ndef f():\n    return 1",
        {"error", "crash"},
    ),
    "password file": ("open('/etc/passwd').read()\ndef f():\n    return 1", {"error"}),
    "writing to the system": ("open('/usr/here', 'w')\ndef f():\n    return 1", {"error"}),
    "network": (
        "import socket\nsocket.create_connection(('1.1.1.1', 53), timeout=1)\ndef f():\n    return 1",
        {"error"},
    ),
    "sys.exit": ("import sys\nsys.exit(0)", {"error"}),
    "os._exit": ("import os\nos._exit(0)", {"crash"}),
    "os._exit in the call": ("import os\ndef f():\n    os._exit(0)", {"crash"}),
    "closing every file": ("import os\nos.closerange(0, 100)\ndef f():\n    return 1", {"crash"}),
    "printed verdict": (
        "import os\nprint('passed')\nos.write(1, b'[\"ran\",[\"1\"],\"\",0]\\n')\ndef f():\n    return 2",
        {"failed"},
    ),
    "wrong value on the answer pipe": ("import os\nos.write(3, b'{\"values\": [\"7\"]}\\n')\nos._exit(0)", {"failed"}),
    "many answers on the pipe": ("import os\nos.write(3, b'{\"values\": [\"1\"]}\\n' * 9)\nos._exit(0)", {"crash"}),
    "nonsense on the answer pipe": ("import os\nos.write(3, b'{\"values\": 1}\\n[[[\\n')\nos._exit(0)", {"crash"}),
    "flood of the answer pipe": ("import os\nwhile True:\n    os.write(3, bytes(65536))", {"crash"}),
    "value that equals everything": (
        "class A:\n    def __eq__(self, other):\n        return True\ndef f():\n    return A()",
        {"failed"},
    ),
    "repr that nests too deep": (
        "class A:\n    def __repr__(self):\n        return '[' * 50_000\ndef f():\n    return A()",
        {"failed"},
    ),
    "deep recursion": ("def f():\n    return f()", {"error"}),
    "recursion without a limit": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f():\n    return f()",
        {"timeout", "error", "crash"},
    ),
    "huge integer": ("def f():\n    return 7 ** (7 ** 12)", {"timeout", "error"}),
    "segmentation fault": ("import ctypes\nctypes.string_at(0)", {"crash"}),
    "sleeping": ("import time\ntime.sleep(60)", {"stuck"}),
    "stopping itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", {"stuck"}),
    "raising its limits": (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))\ndef f():\n    return 1",
        {"error"},
    ),
    "syntax error": ("def f(:", {"error"}),
    "no such function": ("x = 1", {"error"}),
}  # fmt: skip


@pytest.mark.parametrize(("source", "allowed"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_program_gets_its_own_verdict_and_harms_nobody(source, allowed, level):
    """Whatever a program does, its verdict says so, and the next program of the same child is judged as ever."""
    assert judged(source, level, SHORT if "stuck" in allowed else SMALL).status in allowed


KEPT_OUT = {
    "kills process 1": "import os\nos.kill(1, 9)\nos.kill(os.getppid(), 9)\ndef f():\n    return 1",
    "leaves a process behind": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\n"
        "def f():\n    return 1"
    ),
    "becomes more than it is": (
        "import ctypes\nlibc = ctypes.CDLL(None)\n"
        "calls = libc.unshare(0x10000000), libc.ptrace(16, 1, 0, 0), libc.mount(b'x', b'/tmp', b'tmpfs', 0, None)\n"
        "def f():\n    return 1 if calls == (-1, -1, -1) else calls"
    ),
    "sees nobody's files": (
        "import os\nseen = [os.path.exists(path) for path in ('/etc/passwd', '/home', '/proc', '/run')]\n"
        "def f():\n    return 1 if not any(seen) else seen"
    ),
    "sees no environment": (
        "import os\nleft = set(os.environ) - {'LC_CTYPE', 'PWD'}\ndef f():\n    return 1 if not left else left"
    ),
    "starts few processes": (
        "import os, time\nmade = 0\ntry:\n    while made < 100:\n"
        "        if os.fork() == 0:\n            time.sleep(60)\n"
        "        made += 1\nexcept OSError:\n    pass\ndef f():\n    return 1 if made <= 8 else made"
    ),
}


@pytest.mark.parametrize("source", KEPT_OUT.values(), ids=KEPT_OUT)
def test_walls_hold_while_the_program_goes_on(source, level):
    """What is refused is refused with an error that a program can catch; it then passes like any other."""
    assert judged(source, level) == _sandbox.Verdict("passed", ("1",), "", pytest.approx(0, abs=1))


def test_a_program_leaves_no_file_for_the_next(level):
    """The directory of a program is empty when the next one starts."""
    look = "import os\nfound = os.listdir('.')\nos.mkdir('d')\nopen('d/x', 'w').write('x')\ndef f():\n    return found"
    first, second = run_programs([Program(look, ("f()",))] * 2, SMALL, level)
    assert (first.values, second.values) == (("[]",), ("[]",))


def test_values_come_back_in_order(level):
    """Without expected values a program is only run, and its values are reported."""
    programs = [Program(f"def f(x):\n    return x * {n}\n", ("f(1)", "f('a')")) for n in range(5)]
    assert [v.values for v in run_programs(programs, SMALL, level)] == [(str(n), repr("a" * n)) for n in range(5)]


SAME = {
    "text": ("[1, 2]", "[1,2]", "passed"),
    "order of a dictionary": ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", "passed"),
    "float for int": ("1.0", "1", "passed"),
    "list for tuple": ("[1]", "(1,)", "failed"),
    "string for int": ("'1'", "1", "failed"),
    "object": ("object()", "1", "failed"),
}


@pytest.mark.parametrize(("value", "expected", "status"), SAME.values(), ids=SAME)
def test_values_are_compared_as_python_values(value, expected, status):
    """Equality is that of an assert over literals; what is no literal equals nothing."""
    assert run_programs([Program("", (value,), (expected,))], SMALL)[0].status == status


def test_wrong_calls_are_named():
    """A verdict says which calls gave a wrong value, and where an exception came from."""
    source = "def f(x):\n    return x if x < 3 else 1 // 0\n"
    off = Program(source, ("f(0)", "f(1)", "f(2)"), ("0", "5", "6"))
    raising = Program(source, ("f(0)", "f(3)", "f(1)"), ("0", "3", "1"))
    first, second = run_programs([off, raising], SMALL)
    assert (first.status, first.wrong, first.detail) == ("failed", (1, 2), "f(1) is 1, not 5")
    assert (second.status, second.wrong) == ("error", (1,))
    assert second.detail.startswith("call 1: ZeroDivisionError")


def test_programs_that_run_together_get_the_verdicts_that_they_get_alone():
    """A timeout or a crash in a shared fork is found again in a fork of its own, and only there."""
    sources = ["x = 1", "while True:\n    pass", "x = 1", "import os\nos._exit(0)", "1 // 0", "x = 2", "x = 1"]
    programs = [Program(source, ("x",), ("1",)) for source in sources]
    alone = [verdict.status for verdict in run_programs(programs, SMALL)]
    assert alone == ["passed", "timeout", "passed", "crash", "error", "failed", "passed"]
    assert [verdict.status for verdict in run_programs(programs, SMALL, together=4)] == alone


MORTAL_CHILD = """
import json, os, sys
print(json.dumps("ready"), flush=True)
for group in json.load(sys.stdin)["groups"]:
    for source, calls in group:
        if "boom" in source:
            os._exit(1)
        print(json.dumps(["ran", ["1"], "", 0.0]), flush=True)
"""


def test_a_child_that_ends_is_replaced(monkeypatch, tmp_path):
    """If the child itself dies at a program, that one is a crash and the others run in a new child."""
    child = tmp_path / "child.py"
    child.write_text(MORTAL_CHILD)
    monkeypatch.setattr(_sandbox, "_CHILD", child)
    sources = ["x = 1", "boom = 1", "x = 1", "boom = 2"]
    verdicts = run_programs([Program(source, ("x",), ("1",)) for source in sources], SMALL, "namespaces")
    assert [verdict.status for verdict in verdicts] == ["passed", "crash", "passed", "crash"]


def test_no_programs_need_no_child():
    """An empty batch is judged without a sandbox."""
    assert run_programs([], SMALL) == []


def test_tests_become_calls_and_values():
    """Assert lines are split so that the program never sees the expected value."""
    program = program_of("def f(x):\n    return x", "assert f(1) == 1\nassert f([2]) == [2]")
    assert (program.calls, program.expected) == (("f(1)", "f([2])"), ("1", "[2]"))
    assert run_programs([program], SMALL)[0].status == "passed"


@pytest.mark.parametrize(
    "tests", ["f(1)", "assert f(1)", "assert f(1) != 2", "assert f(1) == 1 == 1", "assert f(1) == g()"]
)
def test_other_tests_are_refused(tests):
    """A test whose right side is not a literal cannot be hidden from the program."""
    with pytest.raises(ValueError, match=r"form `assert call == literal`|malformed node"):
        program_of("", tests)


@pytest.fixture
def fresh_probes():
    """Forget what was found to work, before and after."""
    for probe in (working_level, _sandbox._problem):  # noqa: SLF001 (their caches)
        probe.cache_clear()
    yield
    for probe in (working_level, _sandbox._problem):  # noqa: SLF001 (their caches)
        probe.cache_clear()


def test_without_a_sandbox_the_message_names_the_package(fresh_probes, monkeypatch, tmp_path):
    """Where neither level works, check time says what to install; nothing is run unprotected."""
    broken = tmp_path / "child.py"
    broken.write_text("raise OSError('unshare: Operation not permitted')\n")
    monkeypatch.setattr(_sandbox, "_CHILD", broken)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RecipeError, match=r"install the package 'bubblewrap'.*not installed.*Operation not permitted"):
        working_level()


def test_other_systems_are_refused(fresh_probes, monkeypatch):
    """The namespaces are those of Linux."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(RecipeError, match="needs Linux, not darwin"):
        working_level()


def test_a_child_that_does_not_start_fails_the_shard(monkeypatch, tmp_path):
    """The last line of what the child said is in the message."""
    broken = tmp_path / "child.py"
    broken.write_text("raise SystemExit('no room')\n")
    monkeypatch.setattr(_sandbox, "_CHILD", broken)
    with pytest.raises(ShardError, match="the namespaces sandbox did not start: no room"):
        run_programs([HONEST], SMALL, "namespaces")


def test_nothing_is_left_running(level):
    """After a fork bomb and a sleeper the machine has no process of the sandbox."""
    bomb = HOSTILE["fork bomb"][0]
    sleeper = KEPT_OUT["leaves a process behind"]
    run_programs([Program(bomb, ("f()",)), Program(sleeper, ("f()",))], SHORT, level)
    deadline = time.monotonic() + 5
    while (left := children()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def children() -> list[str]:
    """Return the command lines of the processes that descend from this one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            line = (stat.parent / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and ("_sandbox_child" in line or "bwrap" in line):
            found.append(line)
    return found


def test_bwrap_is_taken_where_it_works():
    """Bubblewrap is the first choice."""
    if shutil.which("bwrap") is None or problem("bwrap"):
        pytest.skip("bwrap is not installed, or does not work here")
    assert working_level() == "bwrap"


def test_level_is_looked_for_once_where_two_ask_at_once(fresh_probes, monkeypatch):
    """Who asks while the trial that was started ahead is under way waits for it."""
    tried = []

    def slow(programs, limits, level, together=1):
        tried.append(level)
        time.sleep(0.2)
        return [["ran", ["21"]]]

    monkeypatch.setattr(_sandbox, "_batch", slow)
    monkeypatch.setattr(_sandbox.shutil, "which", lambda _: "/usr/bin/bwrap")
    _sandbox.look_ahead()
    assert _sandbox.problem(_sandbox.LEVELS[0]) == ""
    assert tried == [_sandbox.LEVELS[0]]
