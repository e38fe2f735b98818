"""What is installed on this machine, what is not, and what that disables."""

import importlib.util
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table

from flows.orchestrator import template_database
from tasks.core.settings import settings

_PACKAGES = (
    ("prefect", "prefect", "running anything", "pip install -e ."),
    ("great-expectations", "great_expectations", "gates", "pip install -e ."),
    ("datasets", "datasets", "seeds from Hugging Face datasets", "pip install -e ."),
    ("torch", "torch", "the models family, fine-tuning, local models", "pip install -e '.[models]'"),
    ("transformers", "transformers", "local models", "pip install -e '.[models]'"),
    ("boto3", "boto3", "seeds and shards in S3", "pip install -e '.[s3]'"),
    ("prefect-dask", "prefect_dask", "shards on a Dask cluster", "pip install -e '.[dask]'"),
)
_PROGRAMS = (("bwrap", "the stronger sandbox of `code`", "apt-get install bubblewrap"),)


def show_doctor() -> None:
    """Print the table."""
    table = Table("what", "found", "needed for", "to get it", title=f"Python {sys.version.split()[0]}", box=None)
    for name, module, purpose, remedy in _PACKAGES:
        found = importlib.util.find_spec(module) is not None
        table.add_row(name, _version(name) if found else "no", purpose, "" if found else remedy)
    for name, purpose, remedy in _PROGRAMS:
        path = shutil.which(name)
        table.add_row(name, path or "no", purpose, "" if path else remedy)
    template = template_database()
    table.add_row(
        "Prefect database",
        "ready" if template.exists() else "no",
        "a quick first start",
        "" if template.exists() else "make setup",
    )
    table.add_row("TILTH_HOME", str(settings().home.absolute()), "finished shards, Prefect's database", "")
    Console().print(table)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "yes"
