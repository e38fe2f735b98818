"""Seeds in a bucket: an object, a prefix or a glob as files of this machine, each version fetched once."""

import fnmatch
import glob
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks.core.errors import RecipeError, UserError
from tasks.core.manifest import digest
from tasks.core.settings import settings
from tasks.core.source import SeedSource
from tasks.export import link
from tasks.readers.files import SUFFIXES
from tasks.stores.keys import checked, is_safe, s3_place
from tasks.stores.sweep import Stored

_AT_ONCE = 8
_COMPRESSED = re.compile(r"\.(gz|zst)$")


def local_source(source: SeedSource, first: int | None = None) -> SeedSource:
    """Return a source whose files are on this machine: the same one, but where it is in S3.

    What is in the bucket now is listed once; the files that come back are of that moment, whatever is put there later.
    `first` fetches only so many files. Errors: RecipeError where nothing is there or the bucket may not be read.
    """
    if not source.path.startswith("s3://"):
        return source
    try:
        path = _fetched(source.path, _counts(source), first)
    except RecipeError:
        raise
    except UserError as exc:
        raise RecipeError(str(exc)) from exc
    return source.model_copy(update={"path": glob.escape(str(path)) if glob.has_magic(str(path)) else str(path)})


def _counts(source: SeedSource) -> Callable[[str], bool]:
    """Return what tells a file of seeds in a prefix by its key: all that a folder's reader would look at."""
    wanted = None if source.format in ("auto", "hf") else source.format

    def counts(key: str) -> bool:
        name = key.rpartition("/")[2].lower()
        kind = SUFFIXES.get(Path(_COMPRESSED.sub("", name)).suffix)
        return not name.startswith(".") and (kind == wanted if wanted else kind is not None)

    return counts


def _fetched(url: str, counts: Callable[[str], bool], first: int | None) -> Path:
    """Return a folder with the objects that a URL means, or the file, where it means one."""
    bucket, key = s3_place(url)
    base = "/".join(_before_magic(key.split("/"))) if glob.has_magic(key) else key
    found = _listed(bucket, base)
    one = [item for item in found if item.key == key]
    if one:
        chosen, base = one, key.rpartition("/")[0]
    elif glob.has_magic(key):
        pattern = key.split("/")
        chosen = [item for item in found if counts(item.key) and _matches(item.key.split("/"), pattern)]
    else:
        chosen = [item for item in found if counts(item.key)]
    if not chosen:
        raise RecipeError(_nothing(url, bucket, key))
    home = _snapshot(bucket, base, chosen[:first])
    return home / chosen[0].key.rpartition("/")[2] if one else home


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether a key is meant by a glob, as a shell reads it: `*` stays within a part, `**` is any parts."""
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or _matches(parts[1:], pattern)
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _before_magic(parts: Sequence[str]) -> list[str]:
    return list(parts[: next(place for place, part in enumerate(parts) if glob.has_magic(part))])


def _listed(bucket: str, base: str) -> list[Stored]:
    """Return the object `base` and those below it."""
    from tasks.stores.factory import open_store  # noqa: PLC0415  a folder of seeds needs no store

    store = open_store(f"s3://{bucket}")
    below = store.stored(base)  # type: ignore[attr-defined]
    found = [item for item in below if not item.key.endswith("/")]
    if base and (one := store.found(base)):  # type: ignore[attr-defined]
        found.append(one)
    return sorted(found, key=lambda item: item.key)


def _nothing(url: str, bucket: str, key: str) -> str:
    """Return the line for an address with nothing behind it, with what lies beside it."""
    folder = key.rpartition("/")[0] if not glob.has_magic(key) else "/".join(_before_magic(key.split("/")))
    beside = [f"s3://{bucket}/{item.key}" for item in _listed(bucket, folder)[:5]]
    return f"no seed files at '{url}'; s3://{bucket}/{folder} has: {', '.join(beside) or 'nothing'}"


def _snapshot(bucket: str, base: str, chosen: Sequence[Stored]) -> Path:
    """Return a folder with these very versions, named for them; nothing is fetched that an earlier one has."""
    from tasks.stores.factory import open_store  # noqa: PLC0415  a folder of seeds needs no store

    store = open_store(f"s3://{bucket}")
    which = digest([[item.key, item.version] for item in chosen])
    # The end of the path is the address, so that a message which names the file says where it is from.
    home = settings().work / "cache" / "seeds" / which / bucket / base
    home.mkdir(parents=True, exist_ok=True)

    def one(item: Stored) -> None:
        place = home / checked(item.key.removeprefix(base).lstrip("/"))
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            fetched = store.version(item)  # type: ignore[attr-defined]
            part = place.with_name(f".{place.name}.{digest([item.version])[:8]}")
            part.unlink(missing_ok=True)
            link(fetched, part)
            part.replace(place)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="tilth-seeds") as pool:
        list(pool.map(one, [item for item in chosen if is_safe(item.key)]))
    return home
