"""From the spec of an engine to the engine, and what can be known to be wrong before anything is spent."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tasks.core.engine import (
    Embedded,
    Engine,
    EngineSpec,
    Fake,
    OpenAIHttp,
    TransformersLocal,
    VllmOffline,
    trainer,
)
from tasks.core.errors import RecipeError

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")
_FORMS: Final = (
    "'embedded', 'fake', an address such as http://localhost:8000/v1 (with #model where it serves several), "
    "a directory with a model, or a hub id such as Qwen/Qwen3-0.6B"
)
# What each kind of engine imports, and what installs it.
_PACKAGES: Final = {
    "embedded": ("torch", "transformers"),
    "openai_http": ("aiohttp",),
    "transformers_local": ("torch", "transformers"),
    "vllm_offline": ("vllm",),
    "fake": (),
}


def parse_engine(text: str) -> EngineSpec:
    """Return the engine that a word on the command line means; RecipeError names the forms."""
    word = text.strip()
    if word == "embedded":
        return Embedded(type="embedded")
    if word == "fake":
        return Fake(type="fake")
    if word.startswith(("http://", "https://")):
        return _server(word)
    if Path(word).expanduser().is_dir() and word:
        return TransformersLocal(type="transformers_local", model=str(Path(word).expanduser()))
    if _HUB_ID.fullmatch(word):
        model, _, revision = word.partition("@")
        return TransformersLocal(type="transformers_local", model=model, revision=revision or None)
    if "/" in word or word.startswith((".", "~")):
        raise RecipeError(f"no such directory: '{word}'; an engine is {_FORMS}")
    raise RecipeError(f"unknown engine '{word}'; an engine is {_FORMS}")


def _server(address: str) -> OpenAIHttp:
    url, _, model = address.partition("#")
    if urlsplit(url).path in {"", "/"}:
        url = f"{url.rstrip('/')}/v1"
    return OpenAIHttp(type="openai_http", base_url=url, model=model or None)


def open_engine(spec: EngineSpec) -> Engine:
    """Return the engine of a spec. Models are loaded and connections made when the first request comes."""
    _check_packages(spec)
    # Each kind of engine is imported only where it is used: together they load torch and more.
    if isinstance(spec, Fake):
        from tasks.engines.fake import FakeEngine  # noqa: PLC0415

        return FakeEngine(spec)
    if isinstance(spec, OpenAIHttp):
        from tasks.engines._servers import Patience  # noqa: PLC0415
        from tasks.engines.openai_http import HttpEngine  # noqa: PLC0415

        return HttpEngine(spec, Patience(quiet_s=spec.patience_s))
    if isinstance(spec, VllmOffline):
        from tasks.engines.vllm_offline import VllmEngine  # noqa: PLC0415

        return VllmEngine(spec)
    from tasks.engines.transformers_local import LocalEngine  # noqa: PLC0415

    return LocalEngine(_embedded() if isinstance(spec, Embedded) else spec)


def _embedded() -> TransformersLocal:
    from tasks.engines.embedded import model_folder  # noqa: PLC0415 - trains the model where it is not there yet

    return TransformersLocal(type="transformers_local", model=str(model_folder()))


def check_engine(spec: EngineSpec) -> None:
    """Raise RecipeError for what would keep an engine from answering; asks a server for its models, loads no model.

    A model that a stage is still to train is looked for when that is done.
    """
    _check_packages(spec)
    if trainer(spec) is not None:
        _check_reach(spec)
    elif isinstance(spec, Fake):
        from tasks.engines.fake import check_script  # noqa: PLC0415

        check_script(spec.answers, spec.failures)
    elif isinstance(spec, OpenAIHttp):
        from tasks.engines._openai_access import check  # noqa: PLC0415

        check(spec)
    elif isinstance(spec, TransformersLocal):
        from tasks.engines._model_files import check_model  # noqa: PLC0415

        check_model(spec.model, spec.revision)
        _check_device(spec.device)
    elif isinstance(spec, VllmOffline):
        from tasks.engines._model_files import check_model  # noqa: PLC0415

        check_model(spec.model, spec.options.get("revision"))


def _check_reach(spec: EngineSpec) -> None:
    """Raise RecipeError for an address that is none, or a device that is not there."""
    if isinstance(spec, OpenAIHttp):
        from tasks.engines._openai_access import access  # noqa: PLC0415

        access(spec)
    elif isinstance(spec, TransformersLocal):
        _check_device(spec.device)


def _check_packages(spec: EngineSpec) -> None:
    missing = [name for name in _PACKAGES[spec.type] if find_spec(name) is None]
    if spec.type == "vllm_offline" and missing:
        raise RecipeError(
            "the engine 'vllm_offline' needs the package vllm, in an environment of its own (deployments/vllm/ has its "
            "requirements); or start `make vllm` and use 'openai_http' on http://localhost:8000/v1"
        )
    if missing:
        raise RecipeError(
            f"the engine '{spec.type}' needs {' and '.join(missing)}: pip install 'tilth[llm]'; 'fake' needs nothing"
        )


def _check_device(device: str | None) -> None:
    if device is None or device == "cpu":
        return
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise RecipeError(f"unknown device '{device}'; have: cpu, cuda, cuda:N")
    import torch  # noqa: PLC0415 - seconds

    count, number = torch.cuda.device_count(), int(device.partition(":")[2] or 0)
    if number >= count:
        raise RecipeError(f"there is no device '{device}'; CUDA devices here: {count}; 'cpu' serves too")
