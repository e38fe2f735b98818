"""The picture of a training's curves."""

import struct

import pytest

from tasks.curves import panels, picture

pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install 'tilth[models]'")

CURVES = {
    "loss/train": [(10, 3.0), (20, 2.0), (30, 1.5)],
    "loss/held-out": [(10, 3.1), (20, 2.4), (30, 2.2)],
    "KL": [(10, 0.5)],
}


def size(png):
    """Return width and height of a PNG, from its header."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def test_curves_of_one_name_share_a_panel():
    """What stands before the slash is the panel, in the order given."""
    assert {name: list(lines) for name, lines in panels(CURVES).items()} == {
        "loss": ["train", "held-out"],
        "KL": ["KL"],
    }


@pytest.mark.parametrize("number", [1, 2, 6])
def test_picture_is_900_pixels_wide(number):
    """Whatever the number of panels: each adds to the height only."""
    width, height = size(picture({f"panel {n}": CURVES["loss/train"] for n in range(number)}))
    assert width == 900
    assert height == 260 * number


def test_same_curves_same_bytes():
    """No clock and no version of a library is in it."""
    assert picture(CURVES) == picture(CURVES)
    assert picture(CURVES) != picture({**CURVES, "KL": [(10, 0.5), (20, 5.0)]})


def test_line_of_a_panel_is_drawn():
    """A curve of a single point, too, leaves ink."""
    assert picture({"a/b": [(1, 2.0)]}) != picture({"a/b": []})
