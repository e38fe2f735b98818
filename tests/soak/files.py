"""What lands: good files, copies of them, malformed ones, and some that are written slowly. All by a seed."""

import json
import random
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROWS = 4
_MALFORMED = (
    '{"text": "cut off',
    "",
    "no JSON at all\n",
    '{"title": "no text in it"}\n',
    '"a text, and no object"\n',
    '{"text": "fine"}\n{"text": ',
    "[1, 2\n",
)


@dataclass
class Landed:
    """What landed: for each file its kind, the content that it has, and when it was whole (seconds since 1970)."""

    folder: Path
    kinds: dict[str, str] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    whole_at: dict[str, float] = field(default_factory=dict)

    @property
    def good(self) -> set[bytes]:
        return {self.contents[name] for name, kind in self.kinds.items() if kind != "malformed"}

    @property
    def malformed(self) -> set[bytes]:
        return {self.contents[name] for name, kind in self.kinds.items() if kind == "malformed"}


def good(number: int) -> bytes:
    """Return a file of seeds that no other number gives."""
    things, places = ("kettle", "router", "oven", "lamp"), ("kitchen", "hall", "office")
    rows = (
        f"The {things[number % 4]} number {number} in the {places[row % 3]} stopped working on day {row} of the month."
        for row in range(ROWS)
    )
    return "".join(json.dumps({"text": text, "label": "fault"}) + "\n" for text in rows).encode()


def malformed(number: int) -> bytes:
    """Return a file that no recipe can read; distinct numbers give distinct bytes, none of them a good file's."""
    return (_MALFORMED[number % len(_MALFORMED)] + " " * (number // len(_MALFORMED))).encode()


def land(landed: Landed, *, total: int, seconds: float, seed: int = 0) -> None:
    """Let `total` files land within `seconds`: 20 % copies, 10 % malformed, 10 % written slowly, the rest good."""
    rng = random.Random(seed)
    kinds = ["copy"] * (total // 5) + ["malformed"] * (total // 10) + ["slow"] * (total // 10)
    kinds += ["good"] * (total - len(kinds))
    rng.shuffle(kinds)
    landed.folder.mkdir(parents=True, exist_ok=True)
    began, slow = time.monotonic(), []
    originals: list[bytes] = []
    for number, kind in enumerate(kinds):
        time.sleep(max(began + seconds * number / total - time.monotonic(), 0.0))
        name = f"{number:04d}-{kind}.jsonl"
        content = malformed(number) if kind == "malformed" else good(number)
        if kind == "copy" and originals:
            content = rng.choice(originals)
        if kind in {"good", "slow"}:
            originals.append(content)
        landed.kinds[name], landed.contents[name] = kind, content
        if kind == "slow":
            slow.append(threading.Thread(target=_slowly, args=(landed, name, rng.uniform(0.5, 1.2))))
            slow[-1].start()
        else:
            _at_once(landed, name, rename=rng.random() < 0.5)
    for thread in slow:
        thread.join()


def _at_once(landed: Landed, name: str, *, rename: bool) -> None:
    """Write a file in one go, half of them under another name first, as careful uploaders do."""
    place = landed.folder / name
    path = place.with_name(f".{name}") if rename else place
    path.write_bytes(landed.contents[name])
    if rename:
        shutil.move(path, place)
    landed.whole_at[name] = time.time()


def _slowly(landed: Landed, name: str, pause_s: float) -> None:
    """Write a file in four parts with pauses; every part but the last ends in the middle of a line."""
    content = landed.contents[name]
    step = len(content) // 4
    with (landed.folder / name).open("wb") as file:
        for start in (0, step, 2 * step):
            file.write(content[start : start + step])
            file.flush()
            time.sleep(pause_s)
        file.write(content[3 * step :])
    landed.whole_at[name] = time.time()
