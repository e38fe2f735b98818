"""Apertium without a restart for each text: the programs of a mode run on, and a NUL ends each text.

Source: Forcada et al. 2011, Apertium: a free/open-source platform for rule-based machine translation
(https://doi.org/10.1007/s10590-011-9090-0)
"""

import os
import select
import shlex
import shutil
import subprocess
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from tasks.core.errors import RecipeError, ShardError
from tasks.methods.augment._apertium_stream import END, alternatives, escaped, unescaped

MODES = Path("/usr/share/apertium/modes")
# A chain that says nothing for so long, with texts still to come, hangs; a second of work is a thousand sentences.
_STALL_S = 60
_BLOCK = 1 << 16
# Unknown words are marked (-g); every program flushes at a NUL (-z).
_GENERATOR = {"$1": ["-g"], "$2": []}

Command = list[str]


class Died(Exception):
    """A program of the chain ended or hangs."""


def modes() -> list[str]:
    """Return the translation directions that are installed."""
    return sorted(path.stem for path in MODES.glob("*.mode"))


def check_mode(mode: str) -> None:
    """Raise RecipeError where a direction or one of its programs is not installed."""
    if not (MODES / f"{mode}.mode").is_file():
        raise RecipeError(
            f"no Apertium mode '{mode}'; have: {', '.join(modes()) or 'none'}; install the Debian package of the pair, "
            f"apertium-{mode}, or apertium-eng-spa for eng and spa, or set engine: marian"
        )
    for command in commands(mode):
        if shutil.which(command[0]) is None:
            raise RecipeError(f"Apertium's '{command[0]}' is not on PATH; install the Debian package apertium")


def commands(mode: str) -> list[Command]:
    """Return the command lines of a mode, each told to flush at a NUL."""
    text = (MODES / f"{mode}.mode").read_text(encoding="utf-8")
    found = []
    for stage in text.split("|"):
        program, *rest = shlex.split(stage)
        arguments = [word for part in rest for word in _GENERATOR.get(part, [part])]
        found.append([program, "-z", *arguments])
    return found


class Chain:
    """Programs joined by pipes: texts in, as many texts out; started when first used, and again after a death."""

    def __init__(self, command_lines: Sequence[Command]) -> None:
        self._commands = list(command_lines)
        self._running: list[subprocess.Popen[bytes]] = []

    def ask(self, texts: Sequence[str]) -> list[str]:
        """Return what the chain makes of each text; a text holds END and no NUL. ShardError where it dies twice."""
        if not texts or not self._commands:
            return list(texts)
        data = "".join(f"{text}\0" for text in texts).encode()
        for _attempt in range(2):
            try:
                return self._exchange(data, len(texts))
            except Died as exc:
                self.close()
                cause = exc
        raise ShardError(f"Apertium ended twice on the same {len(texts)} texts: {cause}") from cause

    def close(self) -> None:
        """End the programs of this chain."""
        for process in self._running:
            process.kill()
        for process in self._running:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _quietly_closed(pipe)
        self._running = []

    def _exchange(self, data: bytes, count: int) -> list[str]:
        if not self._running:
            self._running = _started(self._commands)
        writer = threading.Thread(target=_write, args=(self._running[0], data), daemon=True)
        writer.start()
        answer = _read(self._running[-1], count)
        writer.join()
        parts = answer.decode().split("\0")[:count]
        # The rest of the chain writes NULs of its own when a program in the middle ends.
        if not all(END in part for part in parts) or any(process.poll() is not None for process in self._running):
            raise Died("a program ended, or a text came back without its end")
        return parts


def _started(command_lines: Sequence[Command]) -> list[subprocess.Popen[bytes]]:
    running: list[subprocess.Popen[bytes]] = []
    for command in command_lines:
        before = running[-1].stdout if running else subprocess.PIPE
        process = subprocess.Popen(  # noqa: S603 - the programs of an installed mode
            command, stdin=before, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        # The pipe between two programs belongs to them: the first must see it break when the second dies.
        if running and running[-1].stdout is not None:
            running[-1].stdout.close()
        running.append(process)
    return running


def _write(first: subprocess.Popen[bytes], data: bytes) -> None:
    try:
        if first.stdin is not None:
            first.stdin.write(data)
            first.stdin.flush()
    except (BrokenPipeError, ValueError):
        return  # the reader sees the end of the stream and says so


def _read(last: subprocess.Popen[bytes], count: int) -> bytes:
    """Return what comes up to the `count`-th NUL."""
    if last.stdout is None:
        raise Died("no output")
    descriptor, blocks, seen = last.stdout.fileno(), [], 0
    while seen < count:
        ready, _, _ = select.select([descriptor], [], [], _STALL_S)
        block = os.read(descriptor, _BLOCK) if ready else b""
        if not block:
            raise Died(f"{seen} of {count} texts came back" + ("" if ready else f" in {_STALL_S} s of silence"))
        seen += block.count(b"\0")
        blocks.append(block)
    return b"".join(blocks)


def _quietly_closed(pipe: object) -> None:
    try:
        pipe.close()  # type: ignore[attr-defined]
    except BrokenPipeError:
        return


class Direction:
    """One direction: the programs up to the dictionary, a choice among its translations, and the programs after it."""

    def __init__(self, mode: str) -> None:
        stages = commands(mode)
        dictionary = [i for i, command in enumerate(stages) if Path(command[0]).name == "lt-proc" and "-b" in command]
        cut = dictionary[0] + 1 if dictionary else 0
        self._head, self._tail = Chain(stages[:cut]), Chain(stages[cut:])
        # The flow runs shards in threads; one chain serves them in turn, and already uses several cores.
        self._lock = threading.Lock()

    def translate(self, texts: Sequence[str], rng: np.random.Generator, share: float) -> list[str]:
        """Return each text translated; `share` of its ambiguous words get a random one of their translations."""
        with self._lock:
            analysed = self._head.ask([escaped(text) for text in texts])
            if share > 0:
                analysed = alternatives(analysed, rng, share)
            return [unescaped(text) for text in self._tail.ask(analysed)]

    def close(self) -> None:
        """End the programs; the next text starts them again."""
        with self._lock:
            self._head.close()
            self._tail.close()


@cache
def direction(mode: str) -> Direction:
    """Return the running direction of this process; its programs end with it, when their input does."""
    return Direction(mode)
