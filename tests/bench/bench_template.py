"""Records a second of `template` against a loop over Jinja's `Template.render`, single-threaded."""

import json

import numpy as np
import pyarrow as pa

from tasks.core.method import Draw, get_method
from tasks.core.random import stream, stream_key
from tests.bench.measure import Row, rate, row

TEXT = "Dear {{ name }}, your {{ item }} is ready."
NAMES = [f"Customer {i}" for i in range(1000)]
ITEMS = [f"order of {i} lamps" for i in range(2000)]
ROWS = 1_000_000
PEER_ROWS = 100_000


def ours() -> None:
    """Fill a million records, and check that none is missing."""
    method = get_method("template")
    params = method.params(template=TEXT, slots={"name": NAMES, "item": ITEMS})
    draw = Draw(stream(0, "bench", 0), ROWS, 0, stream_key(0, "bench"))
    if method.run(None, params, draw).records.num_rows != ROWS:
        raise RuntimeError("template made too few records")


def peer() -> None:
    """Fill records with Jinja, with its values drawn beforehand in one call."""
    from jinja2 import Template

    template = Template(TEXT)
    rng = np.random.default_rng(0)
    names = rng.integers(0, len(NAMES), PEER_ROWS).tolist()
    items = rng.integers(0, len(ITEMS), PEER_ROWS).tolist()
    pa.array([template.render(name=NAMES[n], item=ITEMS[i]) for n, i in zip(names, items, strict=True)])


def bench() -> list[Row]:
    """Return one row: records a second with two list slots."""
    return [row("template, two list slots", rate(ours, ROWS), rate(peer, PEER_ROWS), "10x")]


if __name__ == "__main__":
    print(json.dumps(bench(), indent=1))
