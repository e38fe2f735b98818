"""Where a model lies: a directory, named with the digest of its files, or an id on the Hugging Face hub."""

import hashlib
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from tasks.core.errors import RecipeError, ShardError

_PINNED = re.compile(r"(?P<path>.+)#(?P<digest>[0-9a-f]{32})", re.DOTALL)
_HUB_ID = re.compile(r"(?P<id>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w.-]+))?")
_BLOCK = 1 << 20
_NEEDED = ("torch", "transformers", "tokenizers")


def _place(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str) or _PINNED.fullmatch(value):
        return value
    base = Path((info.context or {}).get("base", "."))
    path = (base / value).expanduser()
    if path.is_dir():
        return f"{path.resolve()}#{directory_digest(path)}"
    if not _HUB_ID.fullmatch(value) or value.startswith("."):
        raise ValueError(f"no such model directory: '{value}'; give a directory or a hub id such as t5-small@main")
    return value


# A model directory becomes `path#digest`: the loaded params, and with them the cache key, change when its files do.
ModelPlace = Annotated[str, BeforeValidator(_place)]


def directory_digest(folder: Path) -> str:
    """Return 32 hex digits of the names and the bytes of a directory's files."""
    hasher = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        stat = path.stat()
        hasher.update(f"{path.relative_to(folder)}\0{_file_digest(path, stat.st_size, stat.st_mtime_ns)}\0".encode())
    return hasher.hexdigest()


@lru_cache(maxsize=256)
def _file_digest(path: Path, _size: int, _modified_ns: int) -> str:
    hasher = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


def located(place: str) -> tuple[str, str | None]:
    """Return what transformers loads: a path or an id, and a revision. ShardError where a directory has changed."""
    if pinned := _PINNED.fullmatch(place):
        folder = Path(pinned["path"])
        if not folder.is_dir() or directory_digest(folder) != pinned["digest"]:
            raise ShardError(f"model directory '{folder}' is not what it was when the recipe was read; run again")
        return str(folder), None
    named = _HUB_ID.fullmatch(place)
    return (named["id"], named["revision"]) if named else (place, None)


def check_packages(user: str, also: tuple[str, ...] = (), instead: str = "") -> None:
    """Raise RecipeError where a package that runs models is not installed; `instead` names another way."""
    missing = [name for name in (*_NEEDED, *also) if find_spec(name) is None]
    if missing:
        raise RecipeError(
            f"{user} needs {', '.join(missing)}, not installed: pip install 'tilth[models]'"
            + (f", or {instead}" if instead else "")
        )


def check_model(place: str, *, translates: bool = True) -> None:
    """Raise RecipeError where there is no model at a place, sequence-to-sequence if it `translates`.

    Reads its configuration only.
    """
    from transformers import AutoConfig  # noqa: PLC0415 - heavy

    name, revision = located(place)
    try:
        config = AutoConfig.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise RecipeError(f"cannot read model '{name}': {reason}; give a directory or a hub id") from exc
    if translates and not config.is_encoder_decoder:
        raise RecipeError(f"model '{name}' ({config.model_type}) is not sequence-to-sequence, as T5, BART, Marian are")
