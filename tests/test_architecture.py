"""The direction of imports, and what importing must not cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from quality.rule import rules
from tasks.core.listing import walk

ROOT = Path(__file__).resolve().parents[1]
LAYERS = {
    "tasks.core": {"tasks.core"},
    "tasks": {"tasks.core", "tasks"},
    "quality": {"tasks.core", "quality"},
    "flows": {"tasks.core", "tasks", "quality", "flows"},
    "deployments": {"tasks.core", "flows", "deployments"},
}
HEAVY = (
    "torch",
    "vllm",
    "spacy",
    "great_expectations",
    "datasets",
    "prefect",
    "transformers",
    "pandas",
    "faker",
    "jinja2",
)


def layer(module: str) -> str | None:
    """Return the layer of one of our modules; None for somebody else's."""
    return (
        "tasks.core"
        if f"{module}.".startswith("tasks.core.")
        else module.partition(".")[0]
        if module.partition(".")[0] in LAYERS
        else None
    )


def imports(path: Path) -> list[str]:
    """Return the modules that a file imports, anywhere in it."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{name.name}" if node.module in LAYERS else node.module for name in node.names]
    return found


def sources() -> list[Path]:
    return sorted(path for top in ("tasks", "quality", "flows", "deployments") for path in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_down(path):
    """deployments → flows → tasks and quality → tasks.core; nothing points back."""
    own = layer(".".join(path.relative_to(ROOT).with_suffix("").parts))
    wrong = [name for name in imports(path) if layer(name) and layer(name) not in LAYERS[own]]
    assert wrong == []


def test_light_modules_load_nothing_heavy():
    """Importing the core, every method and every row rule loads no heavy package."""
    modules = [
        *walk("tasks.core"),
        *walk("tasks.methods"),
        *walk("tasks.stores"),
        *walk("quality.rules"),
        "quality.checkpoint",
        "quality.dedup",
        "tasks.plan",
    ]
    loaded = f"print([h for h in {HEAVY!r} if h in sys.modules])"
    code = f"import importlib, sys\nfor m in {modules!r}: importlib.import_module(m)\n{loaded}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert len(rules()) > 5


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_stay_small_and_well_named(path):
    """No file over 400 lines, no drawer of odds and ends, empty __init__ files."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400
    assert path.stem not in {"common", "utils", "helpers", "misc"}
    assert path.name != "__init__.py" or not lines
