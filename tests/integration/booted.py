"""A machine of the tests' own that systemd boots: namespaces, and a copy of this machine's files that is thrown away.

Its power can be cut, and it boots again with what was on its disk. It takes root, systemd, overlayfs and cgroup v2.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.integration.machine import ROOT, children

INIT = Path("/lib/systemd/systemd")
_NAMESPACES = ("--pid", "--fork", "--mount", "--net", "--uts", "--ipc", "--cgroup")
_BOOT_S = 60.0

# The disk: what is written lies in memory and outlives a boot; below it this machine's files, as they are.
_DISK = """
mount --make-rprivate /
mkdir -p "$1/written" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/written,workdir=$1/work" "$1/root"
mkdir -p "$1/root/opt/tilth"
mount --bind "$2" "$1/root/opt/tilth"
"""
_BOOT = f"""{_DISK}
cd "$1/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
ip link set lo up
mkdir -p old
pivot_root . old
umount -l old
exec {INIT} --system --unit=multi-user.target --log-target=console --show-status=false
"""

T = TypeVar("T")


class CannotBoot(Exception):
    """What is missing on this machine."""


@dataclass
class Booted:
    """A machine on a disk, which runs or does not."""

    disk: Path
    power: subprocess.Popen[bytes] | None = None
    init: int = 0

    def set_up(self, script: str) -> None:
        """Run a script on the disk of a machine that is off, as one installs it."""
        script = f"{_DISK}\nchroot \"$1/root\" bash -euc '{script}'"
        command = ["unshare", "--mount", "bash", "-euc", script, "set-up", str(self.disk), str(ROOT)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise CannotBoot(done.stderr.strip().splitlines()[-1])

    def boot(self) -> None:
        """Switch it on, and wait until systemd answers."""
        command = ["unshare", *_NAMESPACES, "bash", "-euc", _BOOT, "boot", str(self.disk), str(ROOT)]
        with (self.disk / "console").open("ab") as console:
            self.power = subprocess.Popen(command, stdout=console, stderr=console)
        (self.init,) = self.until(lambda: children(self.power.pid)[:1], _BOOT_S)
        self.until(lambda: self.run("systemctl", "list-units").returncode == 0, _BOOT_S)

    def cut(self) -> None:
        """Cut its power: everything on it dies at once."""
        os.kill(self.init, signal.SIGKILL)
        self.power.wait()

    def run(self, *command: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Return what a command says on it."""
        words = ["nsenter", "-t", str(self.init), "-m", "-p", "-n", "-u", "-i", "-C", "--", *command]
        return subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)

    def until(self, found: Callable[[], T], seconds: float) -> T:
        """Return the first true value; TimeoutError with the end of its console."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := found():
                return value
            if self.power.poll() is not None:
                break
            time.sleep(0.5)
        raise TimeoutError((self.disk / "console").read_text(errors="replace")[-2000:])


def _missing() -> str:
    if os.geteuid() != 0:
        return "root"
    tools = [name for name in ("unshare", "nsenter", "pivot_root", "ip") if shutil.which(name) is None]
    return ", ".join(tools) or ("" if INIT.exists() else "systemd")


@contextmanager
def booted(script: str) -> Iterator[Booted]:
    """Install a machine by a script and switch it on; CannotBoot where this machine cannot."""
    if missing := _missing():
        raise CannotBoot(missing)
    disk = Path(tempfile.mkdtemp(prefix="tilth-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", str(disk)], check=True)
    own = Booted(disk)
    try:
        # The interpreter of the virtual environment may lie in a folder that others than root cannot enter.
        ways = [str(way) for way in (Path(sys.base_prefix), ROOT) for way in (way, *way.parents)]
        own.set_up(f"chmod a+rx {' '.join(dict.fromkeys(ways))}\n{script}")
        own.boot()
        yield own
    finally:
        if own.power and own.power.poll() is None:
            own.cut()
        subprocess.run(["umount", "-l", str(disk)], check=False)
        disk.rmdir()
