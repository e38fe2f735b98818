"""Figures for Prometheus: the latest run of each recipe, as text to be scraped, or pushed after a run.

Runs are batch jobs, so a series is a gauge of the last run, with the time at which it ended beside it
(https://prometheus.io/docs/practices/instrumentation/#batch-jobs). `python -m flows.metrics --port 9464` serves
`/metrics`; with TILTH_PUSHGATEWAY set, `push` sends a run to a Pushgateway.
"""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

from tasks.core.errors import TransientError, UserError
from tasks.registry import Run, runs
from tasks.stores.factory import work_store

# In seconds; a shard should last 10 s or more, and an LLM shard lasts minutes.
BUCKETS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LAST = 500
_HISTOGRAM = ("_bucket", "_sum", "_count")

_HELP = {
    "tilth_run_end_timestamp_seconds": "When the latest run ended, in seconds since 1970.",
    "tilth_run_duration_seconds": "How long the latest run took.",
    "tilth_run_success": "1 where the latest run ended with a release, else 0.",
    "tilth_run_records": "Records of the latest run, accepted in each stage.",
    "tilth_run_rejects": "Records turned down in the latest run, by stage and reason.",
    "tilth_run_tokens": "Tokens of prompts and completions in the latest run, by stage.",
    "tilth_run_cost_usd": "What the answers of the latest run cost, in US dollars.",
    "tilth_run_shard_seconds": "Seconds that shards of the latest run took, whichever run made them.",
}

Sample = tuple[str, Mapping[str, str], float]


def exposition(latest: Iterable[Run]) -> str:
    """Return runs in the text format of Prometheus; of several runs of one recipe the first one given."""
    by_name: dict[str, Run] = {}
    for run in latest:
        by_name.setdefault(run.name, run)
    samples = [sample for _, run in sorted(by_name.items()) for sample in _samples(run)]
    lines: list[str] = []
    for name, said in _HELP.items():
        of_name = [
            s for s in samples if s[0].removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") == name
        ]
        if of_name:
            kind = "histogram" if name.endswith("_shard_seconds") else "gauge"
            lines += [f"# HELP {name} {said}", f"# TYPE {name} {kind}", *map(_line, of_name)]
    return "".join(f"{line}\n" for line in lines)


def push(run: Run, gateway: str | None = None) -> bool:
    """Send a run to the Pushgateway at `gateway`, or at TILTH_PUSHGATEWAY; return whether there is one.

    TransientError where it does not answer; UserError where it turns the figures down.
    """
    address = gateway or os.environ.get("TILTH_PUSHGATEWAY", "")
    if not address:
        return False
    if urlsplit(address).scheme not in ("http", "https"):
        raise UserError(f"TILTH_PUSHGATEWAY '{address}' is no address; write http://HOST:9091")
    url = f"{address.rstrip('/')}/metrics/job/tilth/recipe/{quote(run.name, safe='')}"
    request = urllib.request.Request(url, exposition([run]).encode(), {"Content-Type": CONTENT_TYPE}, method="PUT")  # noqa: S310  the scheme was checked
    try:
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  as above
    except urllib.error.HTTPError as exc:
        raise UserError(f"the Pushgateway at {address} turned the figures down: {exc}") from exc
    except OSError as exc:
        raise TransientError(f"the Pushgateway at {address} does not answer: {exc}") from exc
    return True


def _samples(run: Run) -> Iterator[Sample]:
    of = {"recipe": run.name}
    if run.state != "running":
        yield "tilth_run_end_timestamp_seconds", of, run.updated
        yield "tilth_run_success", of, float(run.state in ("done", "stopped"))
    yield "tilth_run_duration_seconds", of, run.updated - run.started
    yield "tilth_run_cost_usd", of, run.usd
    for stage in run.stages:
        yield from _of_stage(stage, {**of, "stage": stage["stage"], "method": stage["method"]})


def _of_stage(stage: Mapping[str, Any], of: Mapping[str, str]) -> Iterator[Sample]:
    yield "tilth_run_records", of, stage["accepted"]
    for reason, count in stage["rejected_by_reason"].items():
        yield "tilth_run_rejects", {**of, "reason": reason}, count
    for kind in ("prompt", "completion"):
        if f"{kind}_tokens" in stage["stats"]:
            yield "tilth_run_tokens", {**of, "kind": kind}, stage["stats"][f"{kind}_tokens"]
    name, seconds = "tilth_run_shard_seconds", stage["shard_s"]
    for limit in BUCKETS:
        yield f"{name}_bucket", {**of, "le": f"{limit:g}"}, sum(s <= limit for s in seconds)
    yield f"{name}_bucket", {**of, "le": "+Inf"}, len(seconds)
    yield f"{name}_sum", of, sum(seconds)
    yield f"{name}_count", of, len(seconds)


def _line(sample: Sample) -> str:
    name, labels, value = sample
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {value:.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if urlsplit(self.path).path != "/metrics":
            self.send_error(404)
            return
        body = exposition(runs(work_store(), _LAST)).encode()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def server(port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """Return a server of /metrics; `serve_forever` runs it."""
    return ThreadingHTTPServer((host, port), _Handler)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve /metrics on a port, or print the figures."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m flows.metrics", description="figures of runs for Prometheus")
    parser.add_argument("--port", type=int, help="serve /metrics there; without it the figures are printed")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on")
    given = parser.parse_args(arguments)
    if given.port is None:
        sys.stdout.write(exposition(runs(work_store(), _LAST)))
        return
    server(given.port, given.host).serve_forever()


if __name__ == "__main__":
    main()
