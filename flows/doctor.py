"""What is installed on this machine, what is not, and what that disables."""

import importlib.util
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flows.orchestrator import template_database
from tasks.core.settings import settings

_PACKAGES = (
    ("prefect", "prefect", "running anything", "pip install -e ."),
    ("great-expectations", "great_expectations", "gates", "pip install -e ."),
    ("datasets", "datasets", "seeds from Hugging Face datasets", "pip install -e ."),
    ("spacy", "spacy", "sentences and names in text (augment, perturb)", "pip install -e '.[text]'"),
    ("lemminflect", "lemminflect", "synonyms in the right form", "pip install -e '.[text]'"),
    ("sacrebleu", "sacrebleu", "back-translation, paraphrase", "pip install -e '.[text]'"),
    ("torch", "torch", "the models family, fine-tuning, local models", "pip install -e '.[models]'"),
    ("transformers", "transformers", "local models", "pip install -e '.[models]'"),
    ("boto3", "boto3", "seeds and shards in S3", "pip install -e '.[s3]'"),
    ("prefect-dask", "prefect_dask", "shards on a Dask cluster", "pip install -e '.[dask]'"),
    ("opentelemetry-sdk", "opentelemetry.sdk", "spans for a collector", "pip install -e '.[otel]'"),
)
_PROGRAMS = (
    ("bwrap", "the stronger sandbox of `code`", "apt-get install bubblewrap"),
    ("apertium", "back-translation without a model", "apt-get install apertium-eng-spa"),
)
_FILES = (
    ("WordNet", "/usr/share/wordnet/data.noun", "synonyms from WordNet", "apt-get install wordnet-base"),
    ("MyThes", "/usr/share/mythes/th_en_US_v2.dat", "synonyms from a thesaurus", "apt-get install mythes-en-us"),
)


def show_doctor() -> None:
    """Print a line for each; for what is missing a second one with what it is for and how to get it."""
    lines = [("Python", sys.version.split()[0], "", "")]
    for name, module, purpose, remedy in _PACKAGES:
        found = importlib.util.find_spec(module) is not None
        lines.append((name, _version(name) if found else "", purpose, remedy))
    lines += [(name, shutil.which(name) or "", purpose, remedy) for name, purpose, remedy in _PROGRAMS]
    lines += [(name, path if Path(path).exists() else "", purpose, remedy) for name, path, purpose, remedy in _FILES]
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
