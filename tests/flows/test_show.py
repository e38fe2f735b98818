"""What the commands print, and what is generated from them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from flows.show import methods_markdown, recipe_schema
from tasks.core.method import methods
from tasks.core.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted(path for path in (ROOT / "deployments" / "recipes").rglob("*.yaml") if "stages:" in path.read_text())


def test_methods_are_listed(cli):
    """Every method there is, by name and version."""
    ran = cli("methods")
    assert ran.code == 0
    assert all(method.id in ran.out for method in methods().values())


def test_methods_as_json_hold_the_schema_of_their_params(cli):
    """What another program needs to build a form."""
    listed = json.loads(cli("methods", "--json").out)
    assert [entry["name"] for entry in listed] == list(methods())
    for entry in listed:
        Draft202012Validator.check_schema(entry["params"])


def test_readme_has_the_table_of_methods():
    """The README's table is what the methods say of themselves; `python -m flows.show` prints it."""
    assert methods_markdown() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_commands_exist(cli):
    """Every `tilth ...` and `make ...` that the README names is there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    help_text = cli("--help").out
    commands = set(re.findall(r"^(?:\$ )?(?:\.venv/bin/)?tilth ([a-z]+)", text, re.MULTILINE))
    assert commands
    assert all(re.search(rf"^  {command} ", help_text, re.MULTILINE) for command in commands)
    targets = set(re.findall(r"`?make ([a-z-]+)", text))
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_schema_of_a_recipe_is_the_one_that_editors_read(cli):
    """`tilth schema` and the file beside the recipes agree."""
    path = ROOT / "deployments" / "recipes" / "recipe.schema.json"
    assert cli("schema").out == recipe_schema() == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_shipped_recipes_are_valid_under_the_schema_and_the_check(cli, path):
    """What an editor accepts, the command accepts."""
    import yaml

    Draft202012Validator(json.loads(recipe_schema())).validate(yaml.safe_load(path.read_text()))
    ran = cli("check", path)
    assert ran.code == 0, ran.err
    assert all(stage.name in ran.out for stage in load_recipe(path).stages)


def test_check_loads_no_pandas_and_little_else():
    """The check of the quickstart is waited for: what takes long to import is not, Faker and jsonschema aside."""
    recipe = ROOT / "deployments" / "recipes" / "quickstart" / "recipe.yaml"
    script = (
        f"import sys; sys.argv = ['tilth', 'check', {str(recipe)!r}]\n"
        "from flows.cli import main; main()\n"
        "heavy = ['pandas', 'prefect', 'torch', 'spacy', 'transformers', 'great_expectations', 'datasets', 'scipy']\n"
        "assert not set(heavy) & sys.modules.keys(), set(heavy) & sys.modules.keys()\n"
        "import pandas, pyarrow; assert pandas.DataFrame({'a': [1]}).a.sum() == 1\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "nothing is wrong with it" in ran.stdout


def test_doctor_names_what_is_missing_and_how_to_get_it(cli, monkeypatch):
    """A program that is not on the path is `no`, with the command that installs it."""
    monkeypatch.setenv("PATH", "/nowhere")
    ran = cli("doctor")
    assert ran.code == 0
    assert re.search(r"bwrap\s+no\s", ran.out)
    assert "apt-get install bubblewrap" in " ".join(ran.out.split())
    assert re.search(r"prefect\s+\d+\.\d+", ran.out)


def test_readme_method_is_a_method(tmp_path, monkeypatch):
    """The file that the README tells one to add works as it stands there."""
    import importlib

    from tasks.core.method import Draw
    from tasks.core.random import stream

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "shout.py").write_text(
        text.split("### Add a method in one file")[1].split("```")[1].removeprefix("python\n")
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    method = importlib.import_module("shout").METHOD
    made = method.run(None, method.params(word="hi"), Draw(stream(0, "s", 0), 3, 0, 0))
    assert [text.strip("!") for text in made.records.column("text").to_pylist()] == ["HI"] * 3
    assert (method.summary, method.source) == (
        "Repeat a word of the user's, louder",
        "a page or paper (https://example.org)",
    )
