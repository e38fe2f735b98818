"""Documents that a user writes: YAML read safely, `path=value` overrides, and pydantic errors in one line.

Safe means: no `!!python` tags, no repeated keys, and aliases may not blow a small file up (a "YAML bomb").
"""

import re
from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tasks.core.errors import RecipeError, choices

MAX_NODES = 200_000
MAX_BYTES = 16_000_000


# What libyaml reads: its own composer has no bound, and a text nested deeper than this would end the process.
_MAX_BRACKETS = 1_000
_MAX_INDENT = 400


class _Unique(yaml.constructor.SafeConstructor):
    """SafeConstructor that refuses repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


@cache
def _loader(*, fast: bool, dates: bool) -> Any:
    """Return the class that loads: by libyaml where `fast`; an unquoted 2026-01-31 is a text without `dates`."""
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader) if fast else yaml.SafeLoader
    members = {}
    if not dates:
        members["yaml_implicit_resolvers"] = {
            first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
            for first, entries in base.yaml_implicit_resolvers.items()
        }
    return type("Loader", (_Unique, base), members)


def _is_shallow(text: str) -> bool:
    """Return whether libyaml can be given a text: what nests in YAML has a bracket, or a column of its own."""
    indent = max((len(each) for each in re.findall(r"(?m)^[ ?:-]+", text)), default=0)
    return indent <= _MAX_INDENT and text.count("[") + text.count("{") <= _MAX_BRACKETS


def _composed(text: str, *, dates: bool) -> tuple[Any, yaml.Node | None]:
    """Return a loader and the tree it read, by libyaml where it can (ten times as fast); its errors say less."""
    if _is_shallow(text):
        try:
            loader = _loader(fast=True, dates=dates)(text)
            return loader, loader.get_single_node()
        except yaml.YAMLError:
            pass
    loader = _loader(fast=False, dates=dates)(text)
    return loader, loader.get_single_node()


def parse_yaml(text: str, name: str, *, dates: bool = True) -> Any:
    """Return the value of a YAML text; RecipeError with the line for what is malformed, unsafe or explosive.

    Without `dates` an unquoted 2026-01-31 is a text, as JSON has no dates.
    """
    if len(text) > MAX_BYTES:
        raise RecipeError(f"{name} has {len(text):,} characters; at most {MAX_BYTES:,} are read")
    try:
        loader, node = _composed(text, dates=dates)
        if node is None:
            return None
        if (size := _size(node)) > MAX_NODES:
            raise RecipeError(f"{name} expands to {size:,} values through its aliases; at most {MAX_NODES:,} are read")
        return loader.construct_document(node)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RecipeError(f"{name}{where}: {getattr(exc, 'problem', None) or exc}") from exc
    except RecursionError as exc:
        raise RecipeError(f"{name} is nested too deeply, or an alias contains itself") from exc


def _size(root: yaml.Node) -> int:
    """Return how many values a node expands to, each alias counted as often as it is used."""
    memo: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if memo.get(id(node)) == 0:
            raise RecursionError
        if id(node) not in memo:
            memo[id(node)] = 0
            children = node.value if isinstance(node, yaml.CollectionNode) else ()
            flat = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
            memo[id(node)] = 1 + sum(size(child) for child in flat)
        return memo[id(node)]

    return size(root)


def read_mapping(path: Path, what: str) -> dict[str, Any]:
    """Return the mapping in a YAML file; RecipeError says why there is none. `what` names the file's role."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise RecipeError(f"{what} '{path}' is not UTF-8: byte {exc.start} is 0x{exc.object[exc.start]:02x}") from exc
    except OSError as exc:
        raise RecipeError(f"cannot read {what} '{path}': {exc.strerror}") from exc
    value = parse_yaml(text, path.name)
    if not isinstance(value, dict):
        raise RecipeError(f"{what} '{path}' must be a mapping; it is {type(value).__name__}")
    return value


def explain(exc: ValidationError, model: type[BaseModel]) -> str:
    """Return one line for a pydantic error: where, what, the value; the nearest key for one that is misspelt."""
    lines = []
    for error in exc.errors()[:3]:
        place = _place(error["loc"])
        if error["type"] == "extra_forbidden":
            key = str(error["loc"][-1])
            lines.append(f"unknown key '{place}'{choices(key, _keys(model, error['loc'][:-1]))}")
        elif error["type"] == "value_error":
            lines.append(f"{place}: {error['ctx']['error']}" if place else str(error["ctx"]["error"]))
        elif error["type"] == "missing":
            lines.append(f"'{place}' is missing")
        else:
            lines.append(f"{place}: {error['msg'][0].lower()}{error['msg'][1:]}, not {_short(error['input'])}")
    more = f" (and {exc.error_count() - 3} more)" if exc.error_count() > 3 else ""
    return "; ".join(lines) + more


def _place(loc: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def _keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that `model` allows at `loc`: walks annotations, skipping indexes and mapping keys."""
    current = model
    for part in loc:
        field = current.model_fields.get(str(part))
        if field is None:
            continue
        inner = list(_models(field.annotation))
        if not inner:
            break
        current = inner[0]
    return list(current.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for arg in getattr(annotation, "__args__", ()) for m in _models(arg)]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def override(value: dict[str, Any], setting: str) -> None:
    """Apply `stages.cfg.count=10`: a stage by its name or number, a missing mapping is made."""
    path, found, raw = setting.partition("=")
    keys = path.split(".")
    if not found or not all(re.fullmatch(r"[\w@-]+", key) for key in keys):
        raise RecipeError(f"--set '{setting}': write path=value, e.g. stages.cfg.count=100")
    new = parse_yaml(raw, f"--set {path}")
    current: Any = value
    for key in keys[:-1]:
        current = _step(current, key, setting)
    if isinstance(current, list):
        current[_index(current, keys[-1], setting)] = new
    elif isinstance(current, dict):
        current[keys[-1]] = new
    else:
        raise RecipeError(f"--set '{setting}': '{keys[-2]}' is {_short(current)}, which has no '{keys[-1]}'")


def _step(current: Any, key: str, setting: str) -> Any:
    if isinstance(current, list):
        return current[_index(current, key, setting)]
    if isinstance(current, dict):
        if isinstance(current.get(key), str) and setting.startswith(f"seeds.{key}."):
            current[key] = {"path": current[key]}
        return current.setdefault(key, {})
    raise RecipeError(f"--set '{setting}': nothing has a '{key}' there")


def _index(items: list[Any], key: str, setting: str) -> int:
    names = [item.get("name", "") if isinstance(item, dict) else "" for item in items]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(items):
        return int(key)
    raise RecipeError(f"--set '{setting}': no '{key}'{choices(key, [n for n in names if n])}")
