"""From a word or a spec to an engine, and what is found to be wrong before anything is spent."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core.engine import Embedded, Engine, Fake, OpenAIHttp, TransformersLocal
from tasks.core.errors import RecipeError
from tasks.engines import _model_files
from tasks.engines.factory import check_engine, open_engine, parse_engine
from tasks.engines.fake_server import serving
from tests.engines.models import llama

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return llama(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("embedded", Embedded(type="embedded")),
        ("fake", Fake(type="fake")),
        ("http://host:8000/v1", OpenAIHttp(type="openai_http", base_url="http://host:8000/v1")),
        ("http://host:8000", OpenAIHttp(type="openai_http", base_url="http://host:8000/v1")),
        ("https://host/v1#a/b", OpenAIHttp(type="openai_http", base_url="https://host/v1", model="a/b")),
        ("Qwen/Qwen3-0.6B", TransformersLocal(type="transformers_local", model="Qwen/Qwen3-0.6B")),
        ("a/b@main", TransformersLocal(type="transformers_local", model="a/b", revision="main")),
        (".", TransformersLocal(type="transformers_local", model=".")),
    ],
    ids=["embedded", "fake", "server", "no path", "model", "hub", "revision", "directory"],
)
def test_word_means_an_engine(text, spec):
    """Each form of --engine."""
    assert parse_engine(text) == spec


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("embeded", "unknown engine 'embeded'"),
        ("", "unknown engine ''"),
        ("./no/such/model", "no such directory: './no/such/model'"),
        ("/no/such", "no such directory"),
        ("a/b/c", "no such directory"),
    ],
    ids=["misspelt", "empty", "relative", "absolute", "deep"],
)
def test_word_that_means_none_lists_the_forms(text, error):
    """Value and choices in one line."""
    with pytest.raises(RecipeError, match=error) as caught:
        parse_engine(text)
    assert "http://localhost:8000/v1" in str(caught.value)


def test_each_spec_opens_its_engine(folder):
    """Opening loads no model and asks no server where the spec names one."""
    specs = [
        Fake(type="fake"),
        OpenAIHttp(type="openai_http", base_url="http://127.0.0.1:9/v1", model="m"),
        TransformersLocal(type="transformers_local", model=str(folder)),
    ]
    for spec in specs:
        engine = open_engine(spec)
        assert isinstance(engine, Engine)
        assert engine.identity.startswith(f"{spec.type}:")


@pytest.mark.parametrize(
    "spec",
    [
        TransformersLocal(type="transformers_local", model="stage:learnt", device="cpu"),
        OpenAIHttp(type="openai_http", base_url="http://127.0.0.1:9/v1", model="stage:learnt"),
    ],
    ids=lambda spec: spec.type,
)
def test_model_that_is_yet_to_be_trained_is_not_looked_for(spec):
    """Nor is a server that cannot have it yet."""
    check_engine(spec)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (TransformersLocal(type="transformers_local", model="stage:learnt", device="tpu"), "unknown device 'tpu'"),
        (OpenAIHttp(type="openai_http", base_url="nowhere", model="stage:learnt"), "'nowhere' is no address"),
    ],
    ids=["device", "address"],
)
def test_place_of_a_model_that_is_yet_to_be_trained_is_checked(spec, error):
    """What can be known beforehand is."""
    with pytest.raises(RecipeError, match=error):
        check_engine(spec)


def test_good_engines_pass_the_check(folder):
    """A fake, a directory with a model, a server with that model."""
    with serving(models=["a", "b"]) as server:
        for spec in (
            Fake(type="fake"),
            TransformersLocal(type="transformers_local", model=str(folder), device="cpu"),
            OpenAIHttp(type="openai_http", base_url=server.base_url, model="b"),
        ):
            check_engine(spec)


@pytest.mark.parametrize(
    ("missing", "error"),
    [("config.json", "no config"), ("model.safetensors", "no weights"), ("tokenizer", "no tokenizer")],
)
def test_half_a_model_is_found(folder, tmp_path, missing, error):
    """What is not in the directory is named."""
    for path in folder.iterdir():
        if not path.name.startswith(missing):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(RecipeError, match=error):
        check_engine(TransformersLocal(type="transformers_local", model=str(tmp_path)))


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"model": "/no/such/model"}, "no such model directory: '/no/such/model'"),
        ({"model": "no-such/model"}, "no directory 'no-such/model' here, and no model"),
    ],
    ids=["directory", "hub"],
)
def test_missing_model_is_found(monkeypatch, spec, error):
    """A directory or a hub id that is not there, with what would serve instead."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RecipeError, match=error):
        check_engine(TransformersLocal(type="transformers_local", **spec))


@pytest.mark.parametrize("device", ["tpu", "cuda:99"])
def test_missing_device_is_found(folder, device):
    """A device that this machine does not have."""
    with pytest.raises(RecipeError, match=f"device '{device}'"):
        check_engine(TransformersLocal(type="transformers_local", model=str(folder), device=device))


def test_missing_package_names_what_installs_it():
    """vLLM has an environment of its own; without it another engine serves."""
    code = (
        "import sys; sys.modules['vllm'] = None\n"
        "from tasks.core.engine import VllmOffline\n"
        "from tasks.engines import factory\n"
        "try: factory.check_engine(VllmOffline(type='vllm_offline', model='.'))\n"
        "except factory.RecipeError as exc: print(exc)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "needs the package vllm" in done.stdout
    assert "openai_http" in done.stdout


def test_identity_of_a_directory_is_its_content(folder, tmp_path):
    """A copy is the same model; other weights are not; a report beside them changes nothing."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "report.json").write_text("{}")
    assert _model_files.identity(str(tmp_path), None) == _model_files.identity(str(folder), None)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.5}))
    assert _model_files.identity(str(tmp_path), None) != _model_files.identity(str(folder), None)


def test_identity_of_a_hub_id_is_its_commit(tmp_path, monkeypatch):
    """The commit in the cache, which a branch name stands for."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    home = tmp_path / "models--someone--tiny"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    (home / "snapshots" / commit).mkdir(parents=True)
    (home / "snapshots" / commit / "config.json").write_text("{}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    assert _model_files.identity("someone/tiny", None) == f"someone/tiny@{commit}"


def test_importing_the_factory_loads_nothing_heavy():
    """Engines load what they need when they are opened."""
    code = (
        "import sys, tasks.engines.factory, tasks.engines.fake, tasks.engines.openai_http\n"
        "import tasks.engines.transformers_local, tasks.engines.vllm_offline\n"
        "print([name for name in ('torch', 'transformers', 'aiohttp', 'vllm', 'jsonschema') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
