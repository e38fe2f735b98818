"""Hugging Face datasets: from the hub by streaming, or from a folder that `save_to_disk` wrote."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.core.errors import RecipeError, choices
from tasks.core.source import SeedSource
from tasks.readers.block import Block, SourceFile
from tasks.readers.parquet import batches

_BATCH_ROWS = 8192
_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_saved(folder: Path) -> bool:
    """Return whether a folder was written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`."""
    one = (folder / "dataset_info.json").is_file() and (folder / "state.json").is_file()
    return one or (folder / "dataset_dict.json").is_file()


def blocks(file: SourceFile, source: SeedSource) -> Iterator[Block]:
    """Return the rows of a dataset as Arrow batches."""
    dataset = _from_disk(file, source) if is_saved(file.path) else _streamed(file, source)
    found = dataset.with_format("arrow").iter(batch_size=_BATCH_ROWS)
    tables = (batch for table in _guarded(file, found) for batch in table.combine_chunks().to_batches())
    yield from batches(file, tables)


def revision(file: SourceFile, source: SeedSource) -> str:
    """Return the commit that a dataset of the hub stands at now; RecipeError where the hub cannot be asked."""
    if source.revision and _COMMIT.fullmatch(source.revision):
        return source.revision
    from huggingface_hub import HfApi  # noqa: PLC0415 - one second to import, and only hub sources need it

    repo, _config = _repo(file.name)
    try:
        return str(HfApi().dataset_info(repo, revision=source.revision).sha)
    except (OSError, ValueError, RuntimeError, _http_error()) as exc:
        raise _unreachable(file, exc) from exc


def _from_disk(file: SourceFile, source: SeedSource) -> Any:
    from datasets import load_from_disk  # noqa: PLC0415 - two seconds to import, and only datasets need it

    try:
        return _one_split(file, load_from_disk(str(file.path)), source.split)
    except (OSError, ValueError) as exc:
        raise RecipeError(f"{file.name}: not a readable saved dataset: {exc}") from exc


def _streamed(file: SourceFile, source: SeedSource) -> Any:
    from datasets import load_dataset  # noqa: PLC0415 - two seconds to import, and only datasets need it

    repo, config = (str(file.path), None) if file.path.is_dir() else _repo(file.name)
    try:
        found = load_dataset(repo, config, streaming=True, revision=source.revision)
    except (OSError, ValueError, RuntimeError, _http_error()) as exc:
        raise _unreachable(file, exc) from exc
    return _one_split(file, found, source.split)


def _guarded(file: SourceFile, found: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from found
    except (OSError, RuntimeError, _http_error()) as exc:
        raise _unreachable(file, exc) from exc


def _http_error() -> type[Exception]:
    """Return the base of the errors of the HTTP client that the hub's library uses."""
    import httpx  # noqa: PLC0415 - comes with datasets, and is loaded with it

    return httpx.HTTPError


def _one_split(file: SourceFile, found: Any, wanted: str | None) -> Any:
    if not isinstance(found, Mapping):
        if wanted is not None and wanted != str(found.split):
            raise RecipeError(f"no split '{wanted}' in {file.name}{choices(wanted, [str(found.split)])}")
        return found
    if wanted is None and len(found) == 1:
        return next(iter(found.values()))
    if wanted is None:
        raise RecipeError(f"{file.name} has several splits; set split: {', '.join(map(str, found))}")
    if wanted not in found:
        raise RecipeError(f"no split '{wanted}' in {file.name}{choices(wanted, map(str, found))}")
    return found[wanted]


def _repo(name: str) -> tuple[str, str | None]:
    """Return (`owner/name`, config or None) of a dataset id."""
    owner, _, rest = name.partition("/")
    short, _, config = rest.partition("/")
    return (f"{owner}/{short}" if short else owner), config or None


def _unreachable(file: SourceFile, exc: Exception) -> RecipeError:
    first = str(exc).strip().partition("\n")[0]
    return RecipeError(f"cannot read the dataset '{file.name}': {first or type(exc).__name__}")
