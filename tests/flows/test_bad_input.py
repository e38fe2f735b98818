"""A user's mistakes: one clear line on standard error, exit 2, no traceback, nothing half-written."""

import json
import os
import re

import pytest

from tests.builders import write_jsonl

GRAMMAR = {"grammar": "S -> 'a' | 'b'"}
STAGE = {"name": "a", "method": "cfg", "params": GRAMMAR, "count": 2}


@pytest.fixture
def refused(cli, tmp_path, home):
    """Run a command that must be refused, and check how."""

    def run(message, *arguments):
        before = sorted(tmp_path.rglob("*"))
        ran = cli(*arguments)
        assert ran.code == 2, (ran.code, ran.err)
        assert re.search(message, ran.err), ran.err
        assert ran.err.count("\n") == 1, ran.err
        assert "Traceback" not in ran.err + ran.out
        assert sorted(tmp_path.rglob("*")) == before
        return ran

    return run


RECIPES = {
    "unknown method": ({**STAGE, "method": "cgf"}, r"unknown method 'cgf'; did you mean 'cfg'\? have: .*template"),
    "unknown version": ({**STAGE, "method": "cfg@9"}, r"unknown version 'cfg@9'; have: cfg@1"),
    "misspelt param": ({**STAGE, "params": {"gramar": "x"}}, r"unknown key 'gramar'; did you mean 'grammar'"),
    "unknown rule": ({**STAGE, "rules": ["to_short"]}, r"unknown rule 'to_short'; did you mean 'too_short'"),
    "misspelt rule param": ({**STAGE, "rules": [{"too_short": {"min_wrods": 1}}]}, "did you mean 'min_words'"),
    "unknown expectation": ({**STAGE, "expect": [{"type": "expect_nothing"}]}, "unknown expectation 'expect_nothing'"),
    "unknown column": (
        {**STAGE, "expect": [{"type": "expect_column_values_to_be_unique", "column": "txt"}]},
        "unknown column 'txt'; did you mean 'text'",
    ),
    "count 0": ({**STAGE, "count": 0}, r"stages\[0\].count: .*not 0"),
    "count -1": ({**STAGE, "count": -1}, r"stages\[0\].count: .*not -1"),
    "undefined symbol": ({**STAGE, "params": {"grammar": "S -> X"}}, "stage 'a': .*X"),
    "template reaches attributes": (
        {**STAGE, "method": "template", "params": {"template": "{{ x.__class__ }}", "slots": {"x": ["a"]}}},
        "__class__",
    ),
    "missing file of a param": ({**STAGE, "params": {"grammar": "grammars/no.cfg"}}, "no such file: 'grammars/no.cfg'"),
}


@pytest.mark.parametrize(("stage", "message"), RECIPES.values(), ids=RECIPES.keys())
def test_wrong_recipe_is_refused_by_run_and_by_check(refused, write_recipe, tmp_path, stage, message):
    """The whole recipe is checked before Prefect is even started."""
    recipe = write_recipe(stage)
    refused(message, "run", recipe, "--out", tmp_path / "out")
    refused(message, "check", recipe)


def test_cycle_is_refused(refused, write_recipe, tmp_path):
    """The stages of the cycle are named."""
    first, second = {**STAGE, "inputs": ["b"]}, {**STAGE, "name": "b", "inputs": ["a"]}
    refused("the stages form a cycle: a → b → a", "run", write_recipe(first, second), "--out", tmp_path / "out")


SEEDS = {
    "malformed": (b'{"text": "a"}\n{"text": "b"\n', r"seeds.jsonl line 2"),
    "empty": (b"", "no records in"),
    "not utf-8": (b'{"text": "a"}\n{"text": "\xff"}\n', r"seeds.jsonl line 2"),
}
OVER_SEEDS = {"template": "{{ t }}!", "slots": {"t": {"seed": "text"}}}


@pytest.mark.parametrize(("content", "message"), SEEDS.values(), ids=SEEDS.keys())
def test_broken_seeds_are_refused(refused, tmp_path, content, message):
    """The file and the line."""
    path = tmp_path / "seeds.jsonl"
    path.write_bytes(content)
    over = ["--seeds", path, "--params", json.dumps(OVER_SEEDS), "--per-seed", 1]
    refused(message, "generate", "template", *over, "--out", tmp_path / "o")


def test_wrong_column_is_refused(refused, tmp_path):
    """The column that is not there, and those that are."""
    path = write_jsonl(tmp_path / "s.jsonl", [{"text": "a", "product": "kettle"}])
    params = json.dumps({"template": "{{ p }}", "slots": {"p": {"seed": "produkt"}}})
    refused(
        "needs column 'produkt', which its inputs do not have; did you mean 'product'",
        "generate", "template", "--seeds", path, "--params", params, "--per-seed", 1, "--out", tmp_path / "o",
    )  # fmt: skip


def test_text_that_is_called_otherwise_is_refused_with_the_way_to_say_so(refused, tmp_path):
    """The very words that help, and where the texts are to be compared on, before a server is started."""
    path = write_jsonl(tmp_path / "s.jsonl", [{"review": "The kettle leaks.", "n": 1}])
    way = "needs column 'text'.*have: n, review; where they call it otherwise.* --set seeds.seeds.columns.text=NAME"
    refused(way, "generate", "eda", "--seeds", path, "--per-seed", 1, "--out", tmp_path / "o")
    way = "have no column 'text'; have: n, review; say which it is: --text-column NAME"
    refused(way, "compare", "--seeds", path, "--methods", "eda", "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()


COMMANDS = {
    "count 0": (["--count", 0], "--count must be at least 1, not 0"),
    "count -1": (["--count", -1], "--count must be at least 1, not -1"),
    "no amount": ([], "give one of --count N and --per-seed K"),
    "both amounts": (["--count", 1, "--per-seed", 1], "give one of --count N and --per-seed K"),
    "per-seed without seeds": (["--per-seed", 1], "--per-seed needs --seeds"),
    "params not JSON": (["--count", 1, "--params", "{grammar}"], "--params is not JSON: .*write --params @FILE"),
    "params a list": (["--count", 1, "--params", "[1]"], "--params must be an object of params; it is list"),
    "params file missing": (["--count", 1, "--params", "@no.json"], "cannot read params file 'no.json': No such file"),
    "missing seeds": (["--count", 1, "--seeds", "no.jsonl", "--params", json.dumps(GRAMMAR)], "no.jsonl"),
}


@pytest.mark.parametrize(("arguments", "message"), COMMANDS.values(), ids=COMMANDS.keys())
def test_wrong_command_is_refused(refused, tmp_path, arguments, message):
    """What `tilth generate` takes, said in its own words."""
    refused(message, "generate", "cfg", *arguments, "--out", tmp_path / "o")


def test_out_that_is_a_file_is_refused(refused, write_recipe, tmp_path):
    """A file is no folder."""
    (tmp_path / "out").write_text("mine")
    refused("'.*out' is a file; name a folder", "run", write_recipe(STAGE), "--out", tmp_path / "out")


def test_out_that_cannot_be_written_is_refused(refused, write_recipe):
    """Said before anything is made. (/proc refuses root too.)"""
    refused("cannot write to '/proc", "run", write_recipe(STAGE), "--out", "/proc/tilth")


def test_out_that_holds_other_files_is_refused(refused, write_recipe, tmp_path):
    """Somebody's folder is not written into."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    refused("holds files that are not Tilth's \\(thesis.tex\\)", "run", write_recipe(STAGE), "--out", tmp_path / "out")


@pytest.mark.usefixtures("orchestrator")
def test_out_that_holds_a_run_is_refused_until_told_what_to_do(cli, write_recipe, tmp_path):
    """A finished run is kept unless --resume or --overwrite; files beside it are never touched."""
    recipe, out = write_recipe(STAGE), tmp_path / "out"
    assert cli("run", recipe, "--out", out).code == 0
    (out / "notes.txt").write_text("mine")
    ran = cli("run", recipe, "--out", out)
    assert ran.code == 2
    assert "holds a finished run; add --resume or --overwrite" in ran.err
    for flag in ("--resume", "--overwrite"):
        assert cli("run", recipe, "--seed", 5, "--out", out, flag).code == 0
        assert json.loads((out / "manifest.json").read_text())["run_seed"] == 5
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("orchestrator")
def test_malformed_rows_are_skipped_and_counted_where_told_so(cli, write_recipe, tmp_path):
    """`on_error: skip` keeps the row as a reject of its source."""
    (tmp_path / "s.jsonl").write_text('{"text": "a"}\nnot json\n{"text": "b"}\n')
    stage = {"name": "a", "method": "template", "inputs": ["s"], "params": OVER_SEEDS, "per_seed": 1}
    recipe = write_recipe(stage, seeds={"s": {"path": "s.jsonl", "on_error": "skip"}})
    assert cli("run", recipe, "--out", tmp_path / "out").code == 0
    seeds = json.loads((tmp_path / "out" / "manifest.json").read_text())["seeds"][0]
    assert (seeds["seen"], seeds["accepted"], seeds["rejected_by_reason"]) == (3, 2, {"malformed_json": 1})
    assert "not json" in (tmp_path / "out" / "rejects" / "seeds-s.parquet").read_bytes().decode(errors="replace")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
@pytest.mark.usefixtures("orchestrator")
def test_disk_full_stops_with_one_line_and_a_second_run_completes(cli, write_recipe, tmp_path, home):
    """A store on a disk of 256 kB: one line, exit 2; with space again the same command completes, the same bytes."""
    import subprocess

    stage = {
        "name": "big",
        "method": "template",
        "count": 20_000,
        "params": {"template": "{{ a }} {{ b }}", "slots": {"a": {"range": [1, 10**9]}, "b": {"range": [1, 10**9]}}},
    }
    recipe = write_recipe(stage)
    (home / "work").mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", home / "work"]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.decode().strip()}")
    try:
        ran = cli("run", recipe, "--out", tmp_path / "out")
        assert ran.code == 2, ran.err
        assert "no space left on the disk of" in ran.err
        assert "Traceback" not in ran.err
        assert not (tmp_path / "out" / "data").exists()
        subprocess.run(["mount", "-o", "remount,size=64m", home / "work"], check=True)
        assert cli("run", recipe, "--out", tmp_path / "out").code == 0
    finally:
        subprocess.run(["umount", "-l", home / "work"], check=True)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["rows"] == 20_000
