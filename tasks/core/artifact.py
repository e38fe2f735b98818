"""What takes long to make and is made once: trained models, indexes.

An artifact is a folder named by the digest of all that it follows from.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.core.manifest import digest
from tasks.core.settings import settings


def artifact(kind: str, parts: Any, build: Callable[[Path], None]) -> Path:
    """Return the folder of an artifact; `build(folder)` fills a new one where it is not there yet.

    `parts` is JSON: everything that the content follows from, its code's version included. The folder appears whole, by
    rename; where two processes build the same at once, the first to finish wins and both return that.
    """
    home = settings().work / "artifacts" / kind
    place = home / digest(parts)
    if place.is_dir():
        return place
    home.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=home, prefix=".part-"))
    try:
        build(part)
        try:
            part.rename(place)
        except OSError:
            if not place.is_dir():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return place
