"""What was deployed last, so that a second `up` does nothing where nothing changed."""

from pathlib import Path

from deployments.server.environment import ROOT, Place, home
from tasks.core.manifest import digest

# What the form and the schedule of a deployment are made of.
_SOURCES = ("deployments/*.yaml", "flows/**/*.py", "tasks/**/*.py", "quality/**/*.py")


def deployed(place: Place, database: str) -> bool:
    """Return whether what is to be deployed is what was deployed to this server."""
    try:
        return _file().read_text(encoding="utf-8") == _stamp(place, database)
    except OSError:
        return False


def remember_deployed(place: Place, database: str) -> None:
    """Write down what is deployed now."""
    _file().write_text(_stamp(place, database), encoding="utf-8")


def _stamp(place: Place, database: str) -> str:
    return digest([place.api, database, sources()])


def sources() -> list[list[object]]:
    """Return the project's own files with their times and sizes: [path, nanoseconds, bytes] each."""
    paths = sorted(path for pattern in _SOURCES for path in ROOT.glob(pattern))
    return [[path.relative_to(ROOT).as_posix(), path.stat().st_mtime_ns, path.stat().st_size] for path in paths]


def _file() -> Path:
    return home() / "deployed"
