"""What `kubectl kustomize` makes of a folder, for machines without kubectl: those of its features that we use.

A key or an operation that is not among them raises. Where kubectl is installed a test holds both against each other.
"""

import re
from pathlib import Path
from typing import Any

import yaml

_KNOWN = {"apiVersion", "kind", "namespace", "resources", "labels", "configMapGenerator", "patches", "images"}


def documents(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file."""
    return [value for value in yaml.safe_load_all(path.read_text(encoding="utf-8")) if value]


def render(folder: Path) -> list[dict[str, Any]]:
    """Return the objects of a kustomization; a generated ConfigMap's name stays without the hash of its content."""
    spec = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    if unknown := set(spec) - _KNOWN:
        raise ValueError(f"{folder.name}: {', '.join(sorted(unknown))} is not among what is rendered here")
    places = [folder / name for name in spec["resources"]]
    values = [value for place in places for value in (render(place) if place.is_dir() else documents(place))]
    for given in spec.get("configMapGenerator", []):
        _generate(values, given)
    for patch in spec.get("patches", []):
        _patch(values, patch["target"], yaml.safe_load(patch["patch"]))
    for value in values:
        value["metadata"]["namespace"] = spec["namespace"]
        for label in spec.get("labels", []):
            value["metadata"].setdefault("labels", {}).update(label["pairs"])
    for image in spec.get("images", []):
        _name_image(values, image)
    return values


def _generate(values: list[dict[str, Any]], given: dict[str, Any]) -> None:
    data = dict(literal.split("=", 1) for literal in given["literals"])
    if given.get("behavior") == "merge":
        (found,) = [v for v in values if (v["kind"], v["metadata"]["name"]) == ("ConfigMap", given["name"])]
        found["data"] |= data
    else:
        values.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": given["name"]}, "data": data})


def _patch(values: list[dict[str, Any]], target: dict[str, str], operations: list[dict[str, Any]]) -> None:
    """Apply the operations of RFC 6902 to the objects of a kind whose name matches; only `add` at the end of a list."""
    for value in values:
        if value["kind"] != target["kind"] or not re.fullmatch(target["name"], value["metadata"]["name"]):
            continue
        for operation in operations:
            *path, last = operation["path"].strip("/").split("/")
            if (operation["op"], last) != ("add", "-"):
                raise ValueError(f"{operation} is not among what is rendered here")
            place: Any = value
            for step in path:
                place = place[int(step) if isinstance(place, list) else step]
            place.append(operation["value"])


def _name_image(values: list[dict[str, Any]], image: dict[str, str]) -> None:
    for value in values:
        for container in value.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            if container["image"].partition(":")[0] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"
