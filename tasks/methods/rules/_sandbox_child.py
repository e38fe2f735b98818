"""The far side of the sandbox: run with `python -I -S` and given a batch of programs on stdin; no part of the package.

Argument 1 says what is around it already. `namespaces`: nothing; it makes its own namespaces and a new root, in which
only the system libraries and this interpreter can be seen, read-only. `bwrap`: bubblewrap has done that.

It then is process 1 of its PID namespace. No process in there can signal process 1, and `kill(-1)` by it ends every
other one: so a single fork a program is enough, and nothing of a program outlives its verdict.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import sys
import time

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 2, 4, 4096, 16384, 1 << 18, 2
# Where the new root is put together; inside, the same name is the programs' own directory.
MOUNT_POINT = "/tmp"  # noqa: S108 - a tmpfs of our own is mounted over it before anything is written
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
SYS_MOUNT_SETATTR, AT_RECURSIVE, AT_FDCWD, ATTR_RDONLY, ATTR_NOSUID = 442, 0x8000, -100, 1, 2
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
NOBODY = 65534
SYSTEM = ("/usr", "/lib", "/lib64", "/bin")
# Run once before the first fork: it brings in the pages of the compiler and the evaluator, which every fork would else
# bring in for itself (measured: 3.6 ms a program without, 1.6 ms with).
WARM_UP = """
def warm(values, text):
    total = 0
    for index, value in enumerate(sorted(set(values))):
        if value % 2 == 0 and not value < 3 or index > 2:
            total += value ** 2 - index // 2
        elif text[index:].startswith("b"):
            continue
    while total > 10 or not text:
        total -= len(text) * 3
    counts = {}
    for letter in text.lower().split():
        counts[letter] = counts.get(letter, 0) + 1
    return [x * 2 for x in values if x], counts, sum(values), "-".join(sorted(text, key=lambda c: (-ord(c), c)))
"""
ANSWER_BYTES = 1_000_000
POLL_MS = 20
# The source and its calls.
Job = tuple[str, list[str]]
# What programs import most; loaded once here, so that a fork has them without reading a file.
PRELOAD = "collections functools heapq itertools math operator re string"

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *args: object) -> None:
    """Call a libc function that returns -1 on error; OSError says which one failed."""
    if getattr(libc, name)(*args) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{args[:2]}: {os.strerror(number)}")


def enter_namespaces() -> None:
    """Leave the network, the file system, the users and the processes of the machine behind; return in process 1."""
    uid, gid = os.geteuid(), os.getegid()
    call("unshare", NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET | (NEWUSER if uid else 0))
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib would cost its import at every start
                file.write(text)
    if child := os.fork():
        # Fork copies stdin and stdout: only process 1 may hold them, or the reader would wait for this one too.
        os.closerange(0, 2)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    new_root()


def new_root() -> None:
    """Replace the root by an empty tmpfs that shows the system libraries and this interpreter, all read-only."""
    call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    root = MOUNT_POINT
    seen = [path for path in (*SYSTEM, sys.base_prefix) if os.path.exists(path)]  # noqa: PTH110 - as above, no pathlib
    # Opened before the tmpfs hides them: an interpreter may itself live below the mount point.
    handles = {path: os.open(path, os.O_PATH) for path in seen if not os.path.islink(path)}  # noqa: PTH114 - as above
    links = {path: os.readlink(path) for path in seen if path not in handles}  # noqa: PTH115 - as above
    call("mount", b"tmpfs", root.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, b"size=64k,mode=755")
    for path, handle in handles.items():
        os.makedirs(root + path, exist_ok=True)  # noqa: PTH103 - as above
        call("mount", f"/proc/self/fd/{handle}".encode(), (root + path).encode(), None, MS_BIND | MS_REC, None)
        os.close(handle)
    for path, target in links.items():
        os.symlink(target, root + path)  # noqa: PTH211 - as above
    os.makedirs(root + MOUNT_POINT)  # noqa: PTH103 - as above
    read_only = (ctypes.c_uint64 * 4)(ATTR_RDONLY | ATTR_NOSUID, 0, 0, 0)
    call("syscall", SYS_MOUNT_SETATTR, AT_FDCWD, root.encode(), AT_RECURSIVE, ctypes.byref(read_only), 32)
    small = b"size=8m,nr_inodes=1k,mode=1777"
    call("mount", b"tmpfs", (root + MOUNT_POINT).encode(), b"tmpfs", MS_NOSUID | MS_NODEV, small)
    os.chdir(root)
    call("syscall", SYS_PIVOT_ROOT[os.uname().machine], b".", b".")
    call("umount2", b".", MNT_DETACH)


def give_up_rights() -> None:
    """Stop being root, lose every capability for good, and close this process to the programs' ptrace and /proc.

    A last user namespace in which no user is mapped does two things: RLIMIT_NPROC counts the processes of this sandbox
    only, and no program can make a user namespace, hence capabilities, of its own.
    """
    was_root = os.geteuid() == 0
    if was_root:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    try:
        call("unshare", NEWUSER)
    except PermissionError:
        # Refused to us, it is refused to the programs as well; but as root we have no namespace of our own so far.
        if was_root:
            raise
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    call("syscall", SYS_CAPSET[os.uname().machine], ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def become(group: list[Job], limits: dict, answer: int) -> None:
    """Turn this fork into the programs of a group: limits, no file but the answer pipe (3), a line for each."""
    os.setsid()
    for fd in (0, 1, 2):
        os.dup2(limits["devnull"], fd)
    if answer != 3:
        os.dup2(answer, 3)
    os.closerange(4, 1024)
    cpu = int(limits["cpu_s"]) + 1
    memory, size = limits["memory_mb"] << 20, limits["file_kb"] << 10
    for name, value in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, size),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_NPROC, limits["processes"] + 1),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (value, value))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    gc.enable()
    for source, calls in group:
        message = json.dumps(evaluate(source, calls)).encode() + b"\n"
        while message:
            message = message[os.write(3, message) :]


def evaluate(source: str, calls: list[str]) -> dict:
    """Return the repr of the value of each call, or the error that came instead."""
    values = []
    try:
        scope = {"__name__": "program"}
        exec(compile(source, "program", "exec", dont_inherit=True), scope)  # noqa: S102 - what a sandbox is for
        # One compilation for all calls: apart they take longer than the calls themselves.
        thunks = eval("[" + ", ".join(f"lambda: ({text})" for text in calls) + "]", scope)  # noqa: S307 - as above
        values.extend(repr(thunk()) for thunk in thunks)
    except BaseException as exc:  # noqa: BLE001 - SystemExit and KeyboardInterrupt of the program are its errors too
        return {"error": f"{type(exc).__name__}: {str(exc)[:200]}", "at": len(values)}
    return {"values": values}


def watch(pid: int, answer: int, limits: dict) -> tuple[bytes, str]:
    """Return (bytes that the program wrote, why it was stopped or an empty string); the program may still run."""
    poll = select.poll()
    handle = os.pidfd_open(pid)
    poll.register(answer, select.POLLIN)
    poll.register(handle, select.POLLIN)
    clock, deadline, parts, held = (~pid << 3) | 2, time.monotonic() + limits["wall_s"], [], 0
    part = None
    os.set_blocking(answer, False)
    try:
        while True:
            ready = dict(poll.poll(POLL_MS))
            while answer in ready and (part := read(answer)):
                parts.append(part)
                held += len(part)
                if held > ANSWER_BYTES:
                    return b"", f"crash: more than {ANSWER_BYTES} bytes of answer"
            if handle in ready:
                return b"".join(parts), ""
            if answer in ready and part == b"":
                poll.unregister(answer)
            # CPU time of the program itself, asked of the kernel: the whole seconds of RLIMIT_CPU are the backstop.
            if time.clock_gettime(clock) > limits["cpu_s"]:
                return b"", "timeout"
            if time.monotonic() > deadline:
                return b"", "stuck"
    finally:
        os.close(handle)


def read(answer: int) -> bytes | None:
    """Return what is in the pipe, empty at its end, None where there is nothing now."""
    try:
        return os.read(answer, 65536)
    except BlockingIOError:
        return None


def sweep() -> None:
    """Kill and reap whatever the program left, and empty its directory."""
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
    if os.listdir("."):  # noqa: PTH208 - no pathlib here
        empty(".")


def empty(folder: str) -> None:
    """Delete what is in `folder`, at any depth, whatever its modes; links are not followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, 0o700)  # noqa: PTH101 - no pathlib here
                empty(entry.path)
                os.rmdir(entry.path)  # noqa: PTH106 - no pathlib here
            else:
                os.unlink(entry.path)  # noqa: PTH108 - no pathlib here


def judge(group: list[Job], limits: dict) -> list[list]:
    """Return [status, values, detail, CPU seconds] of each program of a group that runs in one fork.

    Where that fork ends early, the programs that have not answered get a fork each: a verdict is always about one.
    """
    said, stopped, code, cpu_s = run(group, limits)
    lines = said.split(b"\n")[:-1]
    if len(group) == 1:
        status, values, detail = classify(lines[0] if len(lines) == 1 else b"", stopped, code, len(group[0][1]))
        late = status == "crash" and cpu_s > limits["cpu_s"]
        return [["timeout" if late else status, values, detail, round(cpu_s, 4)]]
    share = round(cpu_s / len(group), 4)
    known = [[*classify(line, "", code, len(calls)), share] for line, (_, calls) in zip(lines, group)]  # noqa: B905 - fewer lines
    return known + [answer for one in group[len(known) :] for answer in judge([one], limits)]


def run(group: list[Job], limits: dict) -> tuple[bytes, str, int, float]:
    """Run a group in a fork; return (bytes that it wrote, why it was stopped, exit code, CPU seconds)."""
    answer, far_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            become(group, limits, far_end)
        finally:
            os._exit(0)
    os.close(far_end)
    said, stopped = watch(pid, answer, limits)
    os.close(answer)
    if stopped:
        os.kill(pid, signal.SIGKILL)
    _, state, usage = os.wait4(pid, 0)
    sweep()
    return said, stopped, os.waitstatus_to_exitcode(state), usage.ru_utime + usage.ru_stime


def classify(said: bytes, stopped: str, code: int, wanted: int) -> tuple[str, list[str], str]:
    """Return (status, values, detail) of what a program wrote and how it ended."""
    if stopped:
        status, _, detail = stopped.partition(": ")
        return status, [], detail
    try:
        answer = json.loads(said)
        if "error" in answer:
            return "error", [], f"call {int(answer['at'])}: {str(answer['error'])[:300]}"
        values = answer["values"]
        if len(values) == wanted and all(type(value) is str for value in values):
            return "ran", values, ""
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    return "crash", [], f"ended with code {code} and no answer"


def main() -> None:
    """Read a batch from stdin, answer with one JSON line a program on stdout."""
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for name in PRELOAD.split():
        __import__(name)
    devnull = os.open("/dev/null", os.O_RDWR)
    if sys.argv[1] == "namespaces":
        enter_namespaces()
    os.chdir(MOUNT_POINT)
    give_up_rights()
    out = os.fdopen(os.dup(1), "w", buffering=1)
    out.write('"ready"\n')
    batch = json.loads(sys.stdin.buffer.read())
    limits = batch["limits"] | {"devnull": devnull}
    json.dumps(evaluate(WARM_UP, ["warm([4, 1, 9], 'b c d')"]))
    # A collection in a fork would copy every page that it marks.
    gc.disable()
    gc.freeze()
    for group in batch["groups"]:
        out.write("".join(json.dumps(answer) + "\n" for answer in judge(group, limits)))


main()
