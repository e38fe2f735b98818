"""What methods there are, read off their files: none is imported, as each brings Arrow, NumPy and tables of its own."""

import ast
import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

Family = Literal["rules", "augment", "models", "llm", "perturb"]
FAMILIES: tuple[Family, ...] = ("rules", "augment", "models", "llm", "perturb")
_PACKAGE = "tasks.methods"


@dataclass(frozen=True, slots=True)
class Listed:
    """A method as a list shows it."""

    name: str
    version: int
    family: Family
    summary: str


def walk(package: str) -> Iterable[str]:
    """Return the names of the modules below `package`, sorted; names that start with `_` are helpers, left out."""
    root = importlib.import_module(package)
    found = pkgutil.walk_packages(root.__path__, prefix=f"{package}.")
    return sorted(info.name for info in found if not info.ispkg and "._" not in info.name)


def listed() -> list[Listed]:
    """Return our own methods, in the order of their names."""
    root = Path(importlib.import_module(_PACKAGE).__path__[0])
    return [_read(root, name.removeprefix(f"{_PACKAGE}.").split(".")) for name in walk(_PACKAGE)]


def _read(root: Path, place: list[str]) -> Listed:
    tree = ast.parse(root.joinpath(*place).with_suffix(".py").read_text(encoding="utf-8"))
    summary = (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")
    given = {keyword.arg: keyword.value for node in tree.body for keyword in _keywords(node)}
    version = given["version"]
    return Listed(place[-1], ast.literal_eval(version), cast(Family, place[0]), summary)


def _keywords(node: ast.stmt) -> list[ast.keyword]:
    """Return the keywords of `METHOD = Method(...)`; none of any other statement."""
    is_method = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    if is_method and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "METHOD":  # type: ignore[attr-defined]
        return node.value.keywords  # type: ignore[attr-defined,no-any-return]
    return []
