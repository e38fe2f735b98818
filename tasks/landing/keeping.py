"""Contents kept while they are worked on: once entered, a file may be changed or taken away."""

import hashlib
import re
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from tasks.core.errors import UserError
from tasks.core.settings import settings
from tasks.landing.ledger import Entry, Ledger
from tasks.landing.mapping import Landing
from tasks.landing.sources import ChangedError, Item, Source, open_sources, source_of
from tasks.stores.local import explained

_NAME_CHARS = 100


def kept_name(path: str) -> str:
    """Return the name that a file is kept by: its own, less what a file name had better not hold."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", path.rpartition("/")[2])[-_NAME_CHARS:]
    return name.lstrip(".") or "file"


def kept(digest: str, name: str) -> Path:
    """Return where a content is kept."""
    return settings().work / "landed" / digest / name


def keep(source: Source, item: Item, name: str) -> str:
    """Copy a file to where runs read it from; return the digest of its bytes. ChangedError where it changed."""
    home = settings().work / "landed"
    with explained(home / name):
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home, prefix=".part-", delete=False) as part:
            path = Path(part.name)
            try:
                with source.reading(item) as stream:
                    digest = _copy(stream, part)  # type: ignore[arg-type]
                part.close()
                place = kept(digest, name)
                place.parent.mkdir(exist_ok=True)
                path.replace(place)
            finally:
                path.unlink(missing_ok=True)
    return digest


def _copy(stream: BinaryIO, part: BinaryIO) -> str:
    state = hashlib.blake2b(digest_size=16)
    while piece := stream.read(2**20):
        state.update(piece)
        part.write(piece)
    return state.hexdigest()


def drop(digest: str) -> None:
    """Delete a content that nobody works on any more."""
    shutil.rmtree(settings().work / "landed" / digest, ignore_errors=True)


def content(entry: Entry, landing: Landing, ledger: Ledger) -> Path:
    """Return a file with exactly the bytes of an entry: the kept one, or fetched again from where they landed.

    UserError where no URI holds them any more.
    """
    path = kept(entry.digest, entry.name)
    if path.is_file():
        return path
    sources = open_sources(landing)
    for uri in ledger.uris(entry):
        source = source_of(uri, sources)
        item = source.find(uri)
        try:
            if item and keep(source, item, entry.name) == entry.digest:
                return path
        except ChangedError:
            continue
    raise UserError(f"no file holds this content any more; it landed as '{entry.uri}'")
