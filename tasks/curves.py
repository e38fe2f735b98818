"""The curves of a training as one picture."""

import io
from collections.abc import Mapping, Sequence

Points = Sequence[Sequence[float]]

_WIDTH_IN, _PANEL_IN, _DPI = 9.0, 2.6, 100


def panels(curves: Mapping[str, Points]) -> dict[str, dict[str, Points]]:
    """Return the curves by panel, in the order given: `loss/train` and `loss/held-out` share the panel `loss`."""
    found: dict[str, dict[str, Points]] = {}
    for name, points in curves.items():
        panel, _, line = name.partition("/")
        found.setdefault(panel, {})[line or panel] = points
    return found


def picture(curves: Mapping[str, Points]) -> bytes:
    """Return a PNG of 900 pixels in width with one panel below the other; the same curves give the same bytes."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy

    shown = panels(curves)
    figure = Figure(figsize=(_WIDTH_IN, _PANEL_IN * max(len(shown), 1)), dpi=_DPI, layout="constrained")
    for number, (panel, lines) in enumerate(shown.items(), start=1):
        axes = figure.add_subplot(len(shown), 1, number)
        for name, points in lines.items():
            axes.plot([x for x, _ in points], [y for _, y in points], marker="." if len(points) < 3 else "", label=name)
        axes.set_ylabel(panel)
        axes.grid(alpha=0.3)
        if set(lines) != {panel}:
            axes.legend(frameon=False)
        if number == len(shown):
            axes.set_xlabel("step")
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
