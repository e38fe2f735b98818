"""OUT: claimed when a run starts, filled by renames when it ends, its manifest last."""

import json
import shutil
from pathlib import Path

from tasks.core.errors import UserError
from tasks.export import write_json
from tasks.stores.local import explained

# All that a release may hold; nothing else in OUT is ever touched.
PARTS = ("data", "rejects", "jsonl", "docs", "models", "README.md")
MANIFEST = "manifest.json"
_STATE = ".tilth"
_UNFINISHED = ("running", "stopped")


def claim(out: Path, identity: str, *, resume: bool, overwrite: bool) -> Path:
    """Mark OUT as this run's and return an empty folder in it to build the release in.

    UserError where OUT cannot be written, is not a folder, or holds files, or another run, and neither `resume` nor
    `overwrite` was asked for. A run with the same identity that did not end, or that was stopped, is always taken up.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"'{out}' is a file; name a folder for the dataset")
    with explained(out / _STATE):
        out.mkdir(parents=True, exist_ok=True)
        found = _state(out)
        if not (resume or overwrite or (found.get("identity") == identity and found.get("state") in _UNFINISHED)):
            _refuse_taken(out, found)
        partial = out / _STATE / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write_json({"identity": identity, "state": "running"}, out / _STATE / "run.json")
    return partial


def publish(out: Path, identity: str, state: str) -> None:
    """Move what was built in OUT's partial folder into its place: old parts away, new ones in, the manifest last."""
    partial = out / _STATE / "partial"
    with explained(out / _STATE):
        (out / MANIFEST).unlink(missing_ok=True)
        for name in PARTS:
            old = out / name
            if old.is_dir():
                shutil.rmtree(old)
            elif old.exists():
                old.unlink()
            if (partial / name).exists():
                (partial / name).replace(old)
        (partial / MANIFEST).replace(out / MANIFEST)
        write_json({"identity": identity, "state": state}, out / _STATE / "run.json")
        shutil.rmtree(partial)


def release_claim(out: Path) -> None:
    """Take the mark of a run that made nothing off OUT, and OUT itself where it is empty then."""
    if not (out / MANIFEST).exists():
        shutil.rmtree(out / _STATE, ignore_errors=True)
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()


def _state(out: Path) -> dict[str, str]:
    try:
        state = json.loads((out / _STATE / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _refuse_taken(out: Path, found: dict[str, str]) -> None:
    held = sorted(path.name for path in out.iterdir() if path.name != _STATE)
    if found.get("state") == "running":
        raise UserError(
            f"'{out}' holds another run, which did not end; --resume takes its place and keeps every shard that is "
            "the same, --overwrite starts anew, or name another --out"
        )
    if held or found:
        what = "a finished run" if found else f"files that are not Tilth's ({', '.join(held[:3])})"
        raise UserError(f"'{out}' holds {what}; add --resume or --overwrite, or name another --out")
