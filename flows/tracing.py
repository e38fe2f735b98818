"""Spans for an OpenTelemetry collector, where the standard variables name one; where they do not, nothing is imported.

Prefect 3.8 makes a span of each flow run and task run by itself, as soon as there is a provider of tracers to hand them
to (`prefect.telemetry.run_telemetry`). Here is the provider, and spans of ours inside Prefect's: for the recipe, each
stage and each shard, with their counts. `pip install -e '.[otel]'` and OTEL_EXPORTER_OTLP_ENDPOINT are all it takes,
for a collector that speaks OTLP over HTTP; the other variables (headers, timeout, sampler, service name) are the SDK's
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).

To other processes, those of the runners `processes` and `dask`, Prefect does not hand its trace on: what a task run
does there is a trace of its own, with the names of recipe, stage and shard on it.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.util import Finalize
from typing import Any

from tasks.core.manifest import ShardManifest, StageManifest

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

Note = Callable[..., None]


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the environment names a collector, and nothing in it switches spans off."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    return exporter == "otlp" and any(environment.get(name) for name in _ENDPOINTS)


def begin() -> None:
    """Have the spans of this process sent, if they are wanted: once, and before Prefect starts a run.

    The program that `opentelemetry-instrument` runs has a provider already, which is left alone.
    """
    if not wanted():
        return
    from opentelemetry import trace

    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    try:
        trace.set_tracer_provider(_provider())
    except ImportError:
        sys.stderr.write("tilth: a collector of spans is named and the exporter is missing: pip install -e '.[otel]'\n")


def _provider() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        os.environ.setdefault("OTEL_SERVICE_NAME", "tilth")
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    if multiprocessing.parent_process():  # a process of a pool ends without `atexit`, which the provider relies on
        Finalize(None, provider.shutdown, exitpriority=1)
    return provider


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[Note]:
    """Hand out what notes more attributes of a span, which lasts as long as this does; nothing where none is wanted.

    An attribute is `tilth.<name>`; one that is None is left out.
    """
    if not wanted():
        yield _nothing
        return
    from opentelemetry import trace

    with trace.get_tracer("tilth").start_as_current_span(name) as current:

        def note(**more: Any) -> None:
            current.set_attributes({f"tilth.{key}": value for key, value in more.items() if value is not None})

        note(**attributes)
        yield note


def counts(made: ShardManifest | StageManifest) -> dict[str, int]:
    """Return what to note of a shard or a stage."""
    rejected, failed = sum(made.rejected.values()), sum(made.failed.values())
    return {**made.stats, "seen": made.seen, "accepted": made.accepted, "rejected": rejected, "failed": failed}


def _nothing(**_: Any) -> None:
    return


begin()
