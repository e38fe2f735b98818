"""What is installed on this machine, what is not, and what that disables."""

import importlib.util
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

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
    """Print a line for each; for what is missing a second one with what it is for and how to get it."""
    lines = [("Python", sys.version.split()[0], "", "")]
    for name, module, purpose, remedy in _PACKAGES:
        found = importlib.util.find_spec(module) is not None
        lines.append((name, _version(name) if found else "", purpose, remedy))
    lines += [(name, shutil.which(name) or "", purpose, remedy) for name, purpose, remedy in _PROGRAMS]
    ready = "ready" if template_database().exists() else ""
    lines += [
        ("Prefect database", ready, "a quick first start", "make setup"),
        ("TILTH_HOME", str(settings().home.absolute()), "", ""),
    ]
    for name, found, purpose, remedy in lines:
        sys.stdout.write(f"{name:<20} {found or 'no'}\n")
        if not found:
            sys.stdout.write(f"{'':<20} needed for {purpose}; to get it: {remedy}\n")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "yes"
