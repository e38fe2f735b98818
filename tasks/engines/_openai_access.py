"""The way to a server that speaks the OpenAI protocol: its addresses, its key, and the models it serves."""

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from tasks.core.engine import OpenAIHttp
from tasks.core.errors import RecipeError, UserError, choices

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Access:
    """Base URLs up to /v1, and the key, which no text that leaves here ever holds."""

    urls: tuple[str, ...]
    key: SecretStr | None
    key_env: str

    def headers(self) -> dict[str, str]:
        """Return the headers of each request."""
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key.get_secret_value()}"
        return headers

    def hide(self, text: str) -> str:
        """Return what a server said without the key: some repeat it in their errors."""
        return text.replace(self.key.get_secret_value(), "***") if self.key else text

    def turned_down(self, url: str, status: int) -> str:
        """Return the one line on a key that does not open the door."""
        if self.key:
            return f"{shown(url)} turned down the key in {self.key_env} (HTTP {status})"
        return f"{shown(url)} asks for a key (HTTP {status}): set {self.key_env}, or name another with api_key_env"


def access(spec: OpenAIHttp) -> Access:
    """Return the way to the servers of a spec; RecipeError for an address or a key that cannot be sent."""
    given = (spec.base_url,) if isinstance(spec.base_url, str) else spec.base_url
    urls = tuple(dict.fromkeys(url.strip().rstrip("/") for url in given))
    if not urls:
        raise RecipeError("base_url is empty; give an address such as http://localhost:8000/v1")
    for url in urls:
        if not _is_address(url):
            raise RecipeError(f"'{shown(url)}' is no address of a server; want one such as http://localhost:8000/v1")
    key = os.environ.get(spec.api_key_env, "").strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise RecipeError(f"the key in {spec.api_key_env} holds characters that no key has; set it anew")
    return Access(urls, SecretStr(key) if key else None, spec.api_key_env)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def shown(url: str) -> str:
    """Return an address without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def message_of(body: bytes) -> str:
    """Return what the body of an error says, in one line of at most 500 characters."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        value = body.decode("utf-8", "replace")
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and name in value:
            value = value[name]
    return " ".join(str(value).split())[:500]


def served(way: Access, url: str) -> dict[str, int | None] | None:
    """Return the models of a server and the context of each in tokens, where it says so; None where it lists none.

    RecipeError where the server cannot be reached or turns the key down.
    """
    request = urllib.request.Request(f"{url}/models", headers=way.headers())  # noqa: S310 - the scheme is checked above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:  # noqa: S310
            found = json.load(reply)["data"]
        return {str(model["id"]): _length(model.get("max_model_len")) for model in found}
    except urllib.error.HTTPError as exc:
        if exc.code in {401, 403}:
            raise RecipeError(way.turned_down(url, exc.code)) from None
        if exc.code in {404, 405, 501}:
            return None
        raise RecipeError(f"{shown(url)}/models: HTTP {exc.code}: {way.hide(message_of(exc.read()))}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        why = getattr(exc, "reason", exc)
        raise RecipeError(
            f"cannot reach {shown(url)}: {way.hide(str(why))}; start the server, or use the engine 'embedded'"
        ) from None


def _length(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def any_served(way: Access) -> dict[str, int | None] | None:
    """Return what the first server that can be reached serves; RecipeError where none can be."""
    problem: RecipeError | None = None
    for url in way.urls:
        try:
            return served(way, url)
        except RecipeError as exc:
            problem = problem or exc
    raise problem or RecipeError("no server is given")


def model_name(spec: OpenAIHttp, models: dict[str, int | None] | None) -> str:
    """Return the model of a spec, or the only one of the server; RecipeError names the choices."""
    if spec.model is None:
        if models is None:
            raise RecipeError("the server does not list its models; name one with `model`")
        if len(models) != 1:
            raise RecipeError(f"the server has {len(models)} models; name one with `model`{choices('', models)}")
        return next(iter(models))
    if models is not None and spec.model not in models:
        raise RecipeError(f"the server has no model '{spec.model}'{choices(spec.model, models)}")
    return spec.model


def check(spec: OpenAIHttp) -> None:
    """Raise RecipeError for what keeps the servers of a spec from answering: address, key, model."""
    way = access(spec)
    reached: list[str] = []
    problem: RecipeError | None = None
    for url in way.urls:
        try:
            models = served(way, url)
        except RecipeError as exc:
            problem = problem or exc
            continue
        model_name(spec, models)
        reached.append(url)
    if not reached:
        raise problem or UserError("no server is given")
