"""The files of a model in Hugging Face format: whether they are there, and which model they are."""

import hashlib
import os
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final

from tasks.core.errors import RecipeError

# What changes the answers; not what lies beside it, such as a report of the training or a README.
_PATTERNS: Final = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "chat_template.*",
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*.bin",
    "*.py",
)
_CHUNK = 1 << 22


def is_directory(model: str) -> bool:
    """Return whether a model is named by its directory."""
    return Path(model).is_dir()


def check_model(model: str, revision: str | None) -> None:
    """Raise RecipeError for a directory that holds no model, and for a hub id that neither cache nor hub has."""
    folder = Path(model)
    if folder.is_dir():
        for name, what in (("config.json", "config"), ("tokenizer*", "tokenizer")):
            if not any(folder.glob(name)):
                raise RecipeError(f"'{model}' holds no model: it has no {what} ({name})")
        if not any(any(folder.glob(pattern)) for pattern in ("*.safetensors", "pytorch_model*.bin")):
            raise RecipeError(f"'{model}' holds no weights (*.safetensors)")
        return
    if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise RecipeError(f"no such model directory: '{model}'")
    commit(model, revision)


def commit(model: str, revision: str | None) -> str:
    """Return the commit that a hub id stands for: from the cache of this machine, else asked of the hub."""
    try:
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 - only for a model of the hub
        from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    except ImportError as exc:
        raise RecipeError(f"the model '{model}' needs the package huggingface_hub: tilth[llm]") from exc
    try:
        path = Path(hf_hub_download(model, "config.json", revision=revision))
    except (OSError, ValueError, HfHubHTTPError) as exc:
        at = f"@{revision}" if revision else ""
        raise RecipeError(
            f"no directory '{model}' here, and no model '{model}{at}' in the cache or on the hub "
            f"({type(exc).__name__}); download it, give a directory, or use the engine 'embedded'"
        ) from exc
    return path.parent.name


def identity(model: str, revision: str | None) -> str:
    """Return which model this is: a digest of a directory's files, id@commit of a hub id."""
    if not is_directory(model):
        return f"{model}@{commit(model, revision)}"
    files = sorted(
        path
        for path in Path(model).iterdir()
        if path.is_file() and any(fnmatchcase(path.name, pattern) for pattern in _PATTERNS)
    )
    return _digest(tuple((str(path), *_stamp(path)) for path in files))


def _stamp(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - follows links, as reading does
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=32)
def _digest(files: tuple[tuple[str, int, int], ...]) -> str:
    """Return the digest of files, read again only where size or time differ."""
    whole = hashlib.blake2b(digest_size=16)
    for path, size, _ in files:
        whole.update(f"{Path(path).name}\x1f{size}\x1f".encode())
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                whole.update(chunk)
    return whole.hexdigest()
