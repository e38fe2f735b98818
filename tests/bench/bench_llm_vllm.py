"""`prompt` through Prefect and the answer log on a real vLLM server, against a bare client and two peers.

All ask the same server for the same 2,000 prompts, with the same sampling. The bare client is an aiohttp loop at the
best of several concurrencies. Of ours, the time that the same command takes for a few prompts is taken off: it is what
Python and Prefect take to start. The same is taken off what distilabel and data-designer take. Each time is the best of
four, in turn, for all of them: of ten seconds, two come and go with what else the machine does.
"""

import asyncio
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.core.method import get_method
from tasks.methods.llm import prompt
from tests.bench.measure import Row, row

ROOT = Path(__file__).resolve().parents[2]
PEERS = {"distilabel": ROOT / ".venv-peers", "data-designer": ROOT / ".venv-data-designer"}
_PROMPTS, _FEW = 2_000, 20
_AT_ONCE = (64, 128, 256)
_TURNS = 4
_SAMPLING = {"temperature": 0.8, "max_tokens": 64}
PARAMS = {"instruction": "{{ text }}", "output": "answer", **_SAMPLING}


def bench() -> Iterator[Row]:
    """Yield tokens a second against a bare client, and against each peer that `make bench-llm` could install."""
    if not (ROOT / ".venv-vllm/bin/vllm").is_file():
        sys.stderr.write("vLLM is not installed: its rows are left out\n")
        return
    with tempfile.TemporaryDirectory(prefix="tilth-bench-") as folder, _server(Path(folder)) as (url, model):
        place = Path(folder)
        texts = [f"Write a support ticket about a router, for customer {number}." for number in range(_PROMPTS)]
        asyncio.run(_bare(url, model, texts[:200], 64))  # the server's first requests are slow
        rates = {at_once: _rate(url, model, texts, at_once) for at_once in _AT_ONCE}
        best, bare = max(rates, key=lambda at_once: rates[at_once]), max(rates.values())
        ours, theirs = _Timed(), {peer: _Timed() for peer, venv in PEERS.items() if (venv / ".ready").is_file()}
        for turn in range(_TURNS):
            bare = max(bare, _rate(url, model, texts, best))
            for some in (texts[:_FEW], texts):
                ours.add(len(some), *_generated(place / str(turn), url, some))
                for peer, found in theirs.items():
                    found.add(len(some), *_peer(peer, place, (url, model), some))
        what = "prompt through Prefect and the answer log, vLLM on a CPU, tokens/s"
        yield row(f"{what}; peer a bare client, {best} at once", ours.rate, bare, asked="0.95x")
        for peer, found in theirs.items():
            yield row(f"{what}; peer {peer}", ours.rate, found.rate, asked="1.2x")
        for peer in PEERS.keys() - theirs.keys():
            sys.stderr.write(f"{peer} is not installed: its row is left out\n")


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, str]]:
    from tasks.engines.embedded import model_folder

    model = model_folder()
    line = [sys.executable, str(ROOT / "deployments/vllm/serve.py"), str(model), "--port", "0"]
    line += ["--log", str(folder / "vllm.log"), "--", "--max-num-seqs", "128", "--enforce-eager"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=_unbound()) as server:
        found = re.match(r"(http://\S+/v1) serves", server.stdout.readline())
        if not found:
            sys.exit((folder / "vllm.log").read_text()[-2000:])
        try:
            yield found[1], model.name
        finally:
            server.terminate()


def _unbound() -> dict[str, str]:
    """Return the environment without the one thread that the benchmark gives itself: the server has all cores."""
    return {name: value for name, value in os.environ.items() if not name.endswith(("_NUM_THREADS", "_IO_THREADS"))}


def _messages(text: str) -> list[dict[str, str]]:
    params = get_method("prompt").params.model_validate(PARAMS)
    seed = {"id": "", "text": text, "target": None, "messages": None, "extra": {}}
    return [{"role": role, "content": content} for role, content in prompt.messages(params, seed)]


def _rate(url: str, model: str, texts: Sequence[str], at_once: int) -> float:
    began = time.perf_counter()
    tokens = asyncio.run(_bare(url, model, texts, at_once))
    return tokens / (time.perf_counter() - began)


async def _bare(url: str, model: str, texts: Sequence[str], at_once: int) -> int:
    """Ask with nothing around the client, and return the tokens of the answers."""
    import aiohttp

    numbered = iter(enumerate(texts))
    tokens = 0

    async def ask(session: aiohttp.ClientSession) -> None:
        nonlocal tokens
        for number, text in numbered:
            body = {"model": model, "messages": _messages(text), "seed": number, **_SAMPLING}
            async with session.post(f"{url}/chat/completions", json=body) as reply:
                tokens += json.loads(await reply.read())["usage"]["completion_tokens"]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(ask(session) for _ in range(at_once)))
    return tokens


@dataclass
class _Timed:
    """The best time of a command, and the tokens it gave, by the number of prompts: a few, and all."""

    seconds: dict[int, float] = field(default_factory=dict)
    tokens: dict[int, int] = field(default_factory=dict)

    def add(self, prompts: int, seconds: float, tokens: int) -> None:
        """Keep a run, if it was quicker than those before."""
        if seconds < self.seconds.get(prompts, math.inf):
            self.seconds[prompts], self.tokens[prompts] = seconds, tokens

    @property
    def rate(self) -> float:
        """Tokens a second, of all prompts less the few."""
        few, whole = sorted(self.seconds)
        return (self.tokens[whole] - self.tokens[few]) / (self.seconds[whole] - self.seconds[few])


def _generated(folder: Path, url: str, texts: Sequence[str]) -> tuple[float, int]:
    """Return the seconds of `tilth generate prompt` on some texts, in a TILTH_HOME of its own, and the tokens."""
    from tasks.answers import AnswerLog

    folder.mkdir(exist_ok=True)
    seeds, home = folder / f"seeds-{len(texts)}.jsonl", folder / f"home-{len(texts)}"
    seeds.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    words = ["generate", "prompt", "--seeds", seeds, "--params", json.dumps(PARAMS), "--per-seed", 1, "--engine", url]
    words += ["--out", folder / f"out-{len(texts)}"]
    seconds = _timed([ROOT / ".venv/bin/tilth", *words], TILTH_HOME=str(home))
    log = AnswerLog(home / "work/answers.sqlite")
    tokens = sum(total.completion_tokens for total in log.totals())
    log.close()
    return seconds, tokens


def _timed(words: Sequence[Any], **more: str) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        list(map(str, words)), env={**_unbound(), **more}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return time.perf_counter() - began


def _peer(peer: str, folder: Path, served: tuple[str, str], texts: Sequence[str]) -> tuple[float, int]:
    """Return the seconds of a peer's script, and the tokens; `served` is the server's URL and its model."""
    asked, said = folder / "asked.json", folder / "said.json"
    asked.write_text(json.dumps([_messages(text)[0]["content"] for text in texts]), encoding="utf-8")
    script = ROOT / f"tests/bench/peer_{peer.replace('-', '_')}.py"
    more = {"HF_HUB_OFFLINE": "1", "HOME": tempfile.mkdtemp(dir=folder)}  # whatever it caches, it asks anew
    words = [PEERS[peer] / "bin/python", "-W", "ignore", script, *served, asked, said, json.dumps(_SAMPLING)]
    return _timed(words, **more), json.loads(said.read_text(encoding="utf-8"))["tokens"]


if __name__ == "__main__":
    for line in bench():
        print(line)
