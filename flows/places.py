"""Where seeds land and where releases go on this machine, without Prefect: for whoever starts its programs."""

from dataclasses import dataclass
from pathlib import Path

from tasks.core.settings import settings
from tasks.landing.mapping import load_landing


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders that seeds land in, which may be none, and the one of the releases."""

    landing: tuple[Path, ...]
    releases: Path


def make_folders(root: Path) -> Folders:
    """Make the folders that the machine's landing file names, and return them; UserError for what is wrong in it."""
    landing = load_landing(root / settings().landing)
    for folder in landing.folders:
        folder.mkdir(parents=True, exist_ok=True)
    return Folders(tuple(landing.folders), landing.out)
