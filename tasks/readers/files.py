"""Which files a source means, in a fixed order, and the format of each."""

import difflib
import glob
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from tasks.core.errors import RecipeError
from tasks.core.source import SeedSource
from tasks.readers import hub
from tasks.readers.block import FileFormat, SourceFile
from tasks.readers.jsonl import DECODER
from tasks.readers.stream import pieces

SUFFIXES: Mapping[str, FileFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "text",
    ".text": "text",
    ".md": "text",
}
_COMPRESSED = (".gz", ".zst")
# What lies beside data in a folder and is none.
_NOT_DATA = ("readme", "license", "licence", "notice", "changelog")
_HEAD_BYTES = 65_536
_SIBLINGS = 8


def located(source: SeedSource, base: Path) -> list[SourceFile]:
    """Return the files of a source, sorted by relative path; a dataset of the hub is one.

    Errors: RecipeError where there is none, or where the format of one cannot be told.
    """
    if source.is_dataset and not (path := base / source.path).is_dir():
        return [SourceFile(path, source.path.removeprefix("hf://"), "hf")]
    path = base / Path(source.path).expanduser()
    try:
        if path.is_dir():
            return _folder(source, path)
        if path.exists():
            return [_file(source, path, path.name)]
    except OSError as exc:
        raise RecipeError(f"cannot read '{source.path}': {exc.strerror}") from exc
    if glob.has_magic(source.path):
        return _matches(source, path)
    return _missing(source, path)


def _folder(source: SeedSource, folder: Path) -> list[SourceFile]:
    if source.format == "hf" or (source.format == "auto" and hub.is_saved(folder)):
        return [SourceFile(folder, folder.name, "hf")]
    wanted = None if source.format == "auto" else source.format
    found = [(name, path) for name, path in _walk(folder) if _is_data(name, wanted)]
    if not found:
        kinds = sorted(suffix for suffix, known in SUFFIXES.items() if wanted in (None, known))
        raise RecipeError(f"no seed files in folder '{source.path}'; known suffixes: {', '.join(kinds)}")
    return [_file(source, path, name) for name, path in sorted(found)]


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Return (relative name, path) of the files below a folder; links are followed, but no folder is read twice."""
    seen: set[tuple[int, int]] = set()
    for here, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        status = Path(here).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = Path(here) / name
            yield path.relative_to(folder).as_posix(), path


def _raise(exc: OSError) -> NoReturn:
    raise exc


def _is_data(name: str, wanted: str | None) -> bool:
    last = name.rpartition("/")[2].lower()
    known = SUFFIXES.get(_suffix(last))
    if last.startswith(".") or last.startswith(_NOT_DATA) or known is None:
        return False
    return wanted is None or known == wanted


def _suffix(name: str) -> str:
    """Return the suffix that tells the format: `.jsonl` of `reviews.jsonl.gz`."""
    name = name.lower()
    for end in _COMPRESSED:
        name = name.removesuffix(end)
    return Path(name).suffix


def _matches(source: SeedSource, pattern: Path) -> list[SourceFile]:
    """Return the files that a glob means; with format auto those of a known suffix, as in a folder."""
    root = Path(*_before_magic(pattern))
    found = [Path(match) for match in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207 - Path.glob takes no absolute pattern
    files = sorted((path.relative_to(root).as_posix(), path) for path in found if path.is_file())
    if source.format == "auto":
        files = [(name, path) for name, path in files if _is_data(name, None)]
    if not files:
        raise RecipeError(f"no seed files match '{source.path}'")
    return [_file(source, path, name) for name, path in files]


def _before_magic(pattern: Path) -> list[str]:
    parts = list(pattern.parts)
    return parts[: next(place for place, part in enumerate(parts) if glob.has_magic(part))]


def _missing(source: SeedSource, path: Path) -> NoReturn:
    """Raise RecipeError that names the nearest sibling of a path that is not there."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder, path = folder.parent, folder
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}'?" if near else ";"
    have = ", ".join(names[:_SIBLINGS]) + (", …" if len(names) > _SIBLINGS else "")
    raise RecipeError(f"no such file: '{source.path}'{hint} '{folder.name or folder}' has: {have or 'nothing'}")


def _file(source: SeedSource, path: Path, name: str) -> SourceFile:
    if source.format not in ("auto", "hf"):
        return SourceFile(path, name, source.format)
    known = SUFFIXES.get(_suffix(path.name))
    if known in ("json", "jsonl"):
        known = _json_kind(SourceFile(path, name, known))
    if known is None and not _is_parquet(path):
        have = ", ".join(sorted(set(SUFFIXES.values())))
        raise RecipeError(f"cannot tell the format of '{name}' by its suffix; set format: {have}")
    return SourceFile(path, name, known or "parquet")


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _json_kind(file: SourceFile) -> FileFormat:
    """Return whether a file holds a document or an object a line, by its head: suffixes are often wrong about it."""
    head = next(pieces(file, _HEAD_BYTES), b"").lstrip()
    first, _, rest = head.partition(b"\n")
    first, rest = first.rstrip(), rest.lstrip()
    if first.startswith(b"[") and not (rest and _is_whole(first)):
        return "json"
    if file.format == "json" and first.startswith(b"{") and first.endswith(b"}") and rest.startswith(b"{"):
        return "jsonl"
    return file.format


def _is_whole(line: bytes) -> bool:
    try:
        DECODER.decode(line.decode(errors="replace"))
    except (json.JSONDecodeError, RecursionError, ValueError):
        return False
    return True
