"""`landing.yaml`: the first route that matches, and one clear line for what is wrong."""

from pathlib import Path

import pytest
import yaml

from tasks.core.errors import RecipeError
from tasks.landing.mapping import load_landing, with_seeds

ROUTE = {"name": "texts", "match": "*.jsonl", "recipe": "recipe.yaml", "seeds": "landed"}


@pytest.mark.parametrize(
    ("source", "path", "route"),
    [
        ("folder", "reviews/2026-11.jsonl", "reviews"),
        ("folder", "a.jsonl", "texts"),
        ("folder", "deep/er/a.jsonl", "texts"),
        ("folder", "a.csv", None),
        ("other", "reviews/a.jsonl", "texts"),
    ],
    ids=["the first that matches", "by suffix", "through folders", "none", "not for this source"],
)
def test_first_route_that_matches_is_taken(write_landing, tmp_path, source, path, route):
    """Patterns are tried in order, each only for the sources it names."""
    reviews = {**ROUTE, "name": "reviews", "match": ["reviews/*", "r-*.txt"], "sources": ["folder"]}
    sources = {"folder": {"path": "landing"}, "other": {"path": "elsewhere"}}
    landing = load_landing(write_landing(routes=[reviews, ROUTE], sources=sources))
    found = landing.routed(source, path)
    assert (found.name if found else None) == route


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"setle_s": 3}, "unknown key 'setle_s'; did you mean 'settle_s'?"),
        ({"base": "/"}, "unknown key 'base'"),
        ({"settle_s": -1}, "settle_s: .*greater than or equal to 0, not -1"),
        ({"sources": {}}, "sources"),
        ({"sources": {"b": {"path": "gs://bucket/x"}}}, "cannot watch 'gs://bucket/x'; have: a folder, s3://bucket"),
        ({"sources": {"b": {"path": "x", "queue": "https://q"}}}, "queue is for S3 sources; path is 'x'"),
        ({"sources": {"b": {"path": "s3://b/x", "whole": "marker"}}}, "marker is for folders"),
        ({"routes": [ROUTE, ROUTE]}, "the route 'texts' is there twice"),
        ({"routes": [{**ROUTE, "sources": "flder"}]}, "no source 'flder'; did you mean 'folder'?"),
        ({"routes": [{**ROUTE, "recipe": "no.yaml"}]}, "cannot read recipe '.*no.yaml': No such file"),
        ({"routes": [{**ROUTE, "seeds": "lande"}]}, "has no seeds 'lande'; did you mean 'landed'?"),
        ({"routes": [{**ROUTE, "name": "../x"}]}, r"routes\[0\].name"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:30],
)
def test_wrong_landing_file_is_one_line(write_landing, changes, said):
    """Each with the value and the choices, before anything is looked at."""
    with pytest.raises(RecipeError, match=said) as caught:
        load_landing(write_landing(**changes))
    assert "\n" not in str(caught.value)


def test_shipped_landing_file_is_right():
    """deployments/landing.yaml reads, its recipe checks, and it takes what seeds can be."""
    from flows.check import check

    landing = load_landing(Path("deployments/landing.yaml"))
    route = landing.routed("folder", "anything/reviews-2026-11.jsonl")
    recipe, base = landing.recipe(route)
    assert check(recipe, base).recipe.published == ("edited", "reworded")
    for suffix in ("jsonl", "jsonl.gz", "jsonl.zst", "json", "csv", "tsv", "parquet", "txt"):
        assert landing.routed("folder", f"a.{suffix}") is route
    assert landing.out == Path("releases").absolute()


def test_landed_file_takes_the_place_of_one_entry_alone(write_landing, tmp_path):
    """Mapping and limits of the entry stay, other entries too."""
    recipe = yaml.safe_load((write_landing().parent / "recipe.yaml").read_text())
    recipe["seeds"] = {"landed": {"path": "example.jsonl", "columns": {"text": "body"}, "limit": 5}, "other": "b.txt"}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    landing = load_landing(tmp_path / "landing.yaml")
    loaded, _ = landing.recipe(landing.routes[0])
    changed = with_seeds(loaded, "landed", "kept/a.jsonl")
    assert changed.seeds["landed"].path == "kept/a.jsonl"
    assert (changed.seeds["landed"].limit, dict(changed.seeds["landed"].columns)) == (5, {"text": "body"})
    assert changed.seeds["other"] == loaded.seeds["other"]
