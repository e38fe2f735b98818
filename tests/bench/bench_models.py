"""Quality and diversity of the model family by temperature, on the captions, beside Texygen's published figures.

Run it as `make bench-models`: it writes out/models.md (the table) and out/models.png (the picture). The models are kept
in out/models/, a training that was killed goes on from its checkpoint, and what is there already is not trained again.

Words are what stands between spaces, as in Texygen's published samples; each sample against all held-out captions.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.bleu import self_scores, sentence_scores
from tasks.core.manifest import digest
from tasks.core.method import Draw, Method, get_method
from tasks.core.random import stream, stream_key
from tasks.core.training import Training
from tests.bench.measure import Row
from tests.builders import SHARED_DATA, seeds_of

OUT = Path("out")
_SAMPLES = 10_000
_HELD_OUT = 1_000
_TEMPERATURES = (0.8, 0.9, 1.0, 1.1)
_ORDERS = (2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the table: the method, its params, and what of them only its sampling reads."""

    method: str
    params: Mapping[str, Any]
    asked: str = ""


# All params are the defaults but for what an entry is about. The language model is what the GAN starts from.
ENTRIES = {
    "language model (MLE)": Entry("gan", {"adversary": "none"}),
    "vae": Entry("vae", {}, "≥ 0.264 at self-BLEU-4 ≤ 0.60"),
    "gan": Entry("gan", {}, "≥ 0.264 at self-BLEU-4 ≤ 0.60"),
    "gan, four candidates": Entry("gan", {"candidates": 4}),
    "gan, Gumbel-softmax": Entry("gan", {"adversary": "gumbel"}),
    "ngram": Entry("ngram", {"order": 5}),
}
# Of ../shared/data/README.md: self-BLEU-2 to 5 of 9,984 published samples, and their BLEU-4 against held-out captions.
TEXYGEN = {
    "SeqGAN": ((0.950, 0.840, 0.670, 0.489), 0.261),
    "MaliGAN": ((0.918, 0.781, 0.606, 0.437), 0.215),
    "RankGAN": ((0.959, 0.882, 0.762, 0.618), 0.227),
    "LeakGAN": ((0.966, 0.913, 0.848, 0.780), 0.326),
    "TextGAN": ((0.942, 0.931, 0.804, 0.746), 0.218),
    "MLE": ((0.916, 0.769, 0.583, 0.408), 0.264),
}


@dataclass(frozen=True, slots=True)
class Point:
    """What samples of one model at one temperature are like; shares in [0, 1]."""

    temperature: float | None
    bleu: tuple[float, ...]
    self_bleu: tuple[float, ...]
    distinct: float
    novel: float
    texts_per_s: float


def captions() -> tuple[list[str], list[str]]:
    """Return the captions to train on and those held out, a tenth, by a fixed shuffle."""
    lines = (SHARED_DATA / "captions.txt").read_text(encoding="utf-8").splitlines()
    order = np.random.default_rng(1).permutation(len(lines))
    return [lines[at] for at in order[_HELD_OUT:]], [lines[at] for at in order[:_HELD_OUT]]


def model(entry: Entry, texts: Sequence[str]) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a trained model and its report; trains it where that is not there."""
    method = get_method(entry.method)
    params = method.params.model_validate(dict(entry.params))
    place = OUT / "models" / digest([method.id, method.trains_on(params), list(texts)])
    report = place / "report.json"
    if not report.is_file():
        _train(method, params, texts, place)
    return place / "model", json.loads(report.read_text(encoding="utf-8"))


def _train(method: Method, params: Any, texts: Sequence[str], place: Path) -> None:
    shutil.rmtree(place / "model", ignore_errors=True)
    for name in ("model", "scratch"):
        (place / name).mkdir(parents=True, exist_ok=True)
    seeds = seeds_of([{"text": text} for text in texts])
    said = [time.monotonic()]

    def progress(share: float, words: str) -> None:
        if time.monotonic() - said[0] > 30:
            said[0] = time.monotonic()
            sys.stderr.write(f"{share:5.0%} {method.name}: {words}\n")

    started, cpu = time.monotonic(), time.process_time() - _spent(place / "scratch" / "checkpoint.pt")
    trained = method.fit(
        Training(
            seeds=[seeds],
            rows=len(texts),
            params=params,
            rng=stream(0, f"fit {method.name}"),
            seed=stream_key(0, f"fit {method.name}") >> 65,
            folder=place / "model",
            scratch=place / "scratch",
            progress=progress,
        )
    )
    report = {
        "notes": list(trained.notes),
        "figures": dict(trained.figures),
        "curves": dict(trained.curves),
        "minutes": (time.monotonic() - started) / 60,
        "cpu_minutes": (time.process_time() - cpu) / 60,
    }
    (place / "report.json").write_text(json.dumps(report), encoding="utf-8")


def _spent(checkpoint: Path) -> float:
    """Return the seconds of CPU time that a training had taken when it was last killed."""
    if not checkpoint.is_file():
        return 0.0
    import torch

    return torch.load(checkpoint, weights_only=True)["state"]["cpu_s"]


def measured(entry: Entry, folder: Path, held_out: Sequence[str], temperature: float | None) -> Point:
    """Return the figures of ten thousand samples; None is the method's own temperature."""
    method = get_method(entry.method)
    given = dict(entry.params) | ({} if temperature is None else {"temperature": temperature})
    params = method.params.model_validate(given)
    draw = Draw(stream(1, "bench"), _SAMPLES, 0, stream_key(1, "bench"), folder)
    started = time.perf_counter()
    records = method.run(None, params, draw).records
    seconds = time.perf_counter() - started
    reason = records.column("reason") if "reason" in records.schema.names else pa.nulls(records.num_rows)
    rows = list(zip(records.column("text").to_pylist(), reason.to_pylist(), strict=True))
    kept = [text.split() for text, why in rows if why is None]
    references = [text.split() for text in held_out]
    return Point(
        temperature,
        tuple(sentence_scores(kept, references, 5).mean(1)[1:].tolist()),
        tuple(self_scores(kept, 5).mean(1)[1:].tolist()),
        len({tuple(words) for words in kept}) / len(kept),
        sum(why != "copied" for _, why in rows) / len(rows),
        len(rows) / seconds,
    )


def curves(names: Sequence[str]) -> dict[str, list[Point]]:
    """Return the points of each model: its own temperature first, then the others."""
    texts, held_out = captions()
    found = {}
    for name in names:
        entry = ENTRIES[name]
        folder, _ = model(entry, texts)
        found[name] = [measured(entry, folder, held_out, t) for t in (None, *_TEMPERATURES)]
        for point in found[name]:
            sys.stderr.write(f"{name} {point}\n")
    return found


def at_self_bleu(points: Sequence[Point], wanted: float) -> float | None:
    """Return the BLEU-4 of a curve where its self-BLEU-4 is `wanted`, between two of its points; None outside them."""
    line = sorted((point.self_bleu[2], point.bleu[2]) for point in points)
    xs, ys = zip(*line, strict=True)
    return float(np.interp(wanted, xs, ys)) if xs[0] <= wanted <= xs[-1] else None


def table(found: Mapping[str, Sequence[Point]], own: Point) -> str:
    """Return the table of the README: default sampling of each model, the seeds' own figures, Texygen's rows."""
    heads = ["", "BLEU-4", *(f"self-BLEU-{n}" for n in _ORDERS), "distinct", "not copied", "texts/s", "CPU min"]
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    texts, _ = captions()
    for name, points in found.items():
        minutes = model(ENTRIES[name], texts)[1]["cpu_minutes"]
        lines.append(_line(name, points[0], f"{points[0].texts_per_s:,.0f}", f"{minutes:.1f}"))
    lines.append(_line("captions to train on", own, "", ""))
    for name, (self_bleu, bleu) in TEXYGEN.items():
        cells = [f"{name}, published samples", f"{bleu:.3f}", *(f"{value:.3f}" for value in self_bleu), "", "", "", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_same_diversity(found)])


def _line(name: str, point: Point, *last: str) -> str:
    cells = [name, f"**{point.bleu[2]:.3f}**", *(f"{value:.3f}" for value in point.self_bleu)]
    return "| " + " | ".join([*cells, f"{point.distinct:.1%}", f"{point.novel:.1%}", *last]) + " |"


def _same_diversity(found: Mapping[str, Sequence[Point]]) -> list[str]:
    """Return what each model's BLEU-4 is where its self-BLEU-4 is 0.56, along its curve by temperature."""
    values = {name: at_self_bleu(points, 0.56) for name, points in found.items()}
    known = [f"{name} {value:.3f}" for name, value in values.items() if value is not None]
    return [f"BLEU-4 at a self-BLEU-4 of 0.56, along the curve by temperature: {', '.join(known)}."] if known else []


def seeds_own() -> Point:
    """Return the figures of the captions that the models are trained on."""
    texts, held_out = captions()
    words, references = [text.split() for text in texts], [text.split() for text in held_out]
    distinct = len(set(map(tuple, words))) / len(words)
    bleu = sentence_scores(words, references, 5).mean(1)[1:]
    return Point(None, tuple(bleu.tolist()), tuple(self_scores(words, 5).mean(1)[1:].tolist()), distinct, 0.0, 0.0)


def picture(found: Mapping[str, Sequence[Point]], own: Point, path: Path) -> None:
    """Draw BLEU-4 over self-BLEU-4, a line a model: up is better, left is more diverse."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name, points in found.items():
        line = sorted(points[1:], key=lambda point: point.self_bleu[2])
        drawn = axes.plot([p.self_bleu[2] for p in line], [p.bleu[2] for p in line], marker=".", label=name)
        axes.plot(points[0].self_bleu[2], points[0].bleu[2], marker="o", color=drawn[0].get_color())
    axes.plot(own.self_bleu[2], own.bleu[2], "k*", markersize=12, label="captions to train on", linestyle="")
    for name, (self_bleu, bleu) in TEXYGEN.items():
        axes.plot(self_bleu[2], bleu, "x", color="grey")
        axes.annotate(
            name, (self_bleu[2], bleu), textcoords="offset points", xytext=(-12, -12), color="grey", fontsize=8
        )
    axes.set_xlabel("self-BLEU-4 of 10,000 samples: left is more diverse")
    axes.set_ylabel("BLEU-4 against held-out captions")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, title="temperatures 0.8 to 1.1; ring: the default")
    figure.savefig(path, metadata={"Software": None})


def bench() -> Iterator[Row]:
    """Yield BLEU-4 at default params beside SeqGAN's published figure, and the self-BLEU-4 that it is had at.

    Then write the table and the picture of all models along their temperatures.
    """
    texts, held_out = captions()
    for name in ("vae", "gan"):
        entry = ENTRIES[name]
        point = measured(entry, model(entry, texts)[0], held_out, None)
        bleu, self_bleu = round(point.bleu[2], 3), round(point.self_bleu[2], 3)
        yield Row(
            what=f"{name}, BLEU-4 on held-out captions; peer SeqGAN as published",
            ours=bleu,
            peer=0.261,
            ratio=round(bleu / 0.261, 2),
            asked="0.264",
        )
        yield Row(
            what=f"{name}, self-BLEU-4 at that; peer SeqGAN as published",
            ours=self_bleu,
            peer=0.670,
            ratio=round(self_bleu / 0.670, 2),
            asked="≤ 0.60",
        )
    main([])


def main(names: Sequence[str]) -> None:
    """Train and measure the models that are named, or all; write the table and the picture."""
    if unknown := set(names) - set(ENTRIES):
        sys.exit(f"no such model: {', '.join(sorted(unknown))}; have: {', '.join(ENTRIES)}")
    OUT.mkdir(exist_ok=True)
    own, found = seeds_own(), curves(names or list(ENTRIES))
    text = table(found, own)
    (OUT / "models.md").write_text(text + "\n", encoding="utf-8")
    picture(found, own, OUT / "models.png")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
