import math

import pytest

from tfaip.errors import UsageError
from tfaip.scripts import chart
from tfaip.scripts.chart import Chart, check_pictures, draw, powers_between, ticks_between, write_csv


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 2.2, [-3, -2, -1, 0, 1, 2]),
        (0.001, 0.0012, [0.001, 0.00105, 0.0011, 0.00115, 0.0012]),
        (0, 20, [0, 5, 10, 15, 20]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert ticks_between(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(-3, -1, [0.001, 0.01, 0.1]), (-1.5, -1.2, [10**-1.5, 10**-1.2])]
)
def test_ticks_of_a_logarithmic_axis_are_powers(low, high, expected):
    assert powers_between(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    "lines",
    [
        {"a": [(1.0, 2.0), (2.0, math.nan), (3.0, 5.0)], "b": [(1.0, 1.0), (3.0, math.inf)]},
        {"flat": [(1.0, 0.0), (2.0, 0.0)]},
        {"point": [(1.0, 3.0)]},
    ],
    ids=["two", "flat", "point"],
)
@pytest.mark.parametrize("has_log_x", [True, False])
def test_a_chart_becomes_a_picture(tmp_path, lines, has_log_x):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "new" / "chart.png"

    draw(Chart("title", "x", lines, has_log_x=has_log_x, marks={"here": 1.0}), path)

    with image.open(path) as picture:
        picture.load()
        colors = {color for _, color in picture.convert("RGB").getcolors(10**6)}
    assert (0x1F, 0x5F, 0xA8) in colors or "point" in lines


def test_a_table_has_a_line_for_each_row(tmp_path):
    write_csv(tmp_path / "a.csv", ["x", "y,z"], [(1, 0.5), (2, "a")])

    assert (tmp_path / "a.csv").read_text() == 'x,"y,z"\n1,0.5\n2,a\n'


def test_a_picture_without_pillow_is_refused_with_a_hint(monkeypatch):
    monkeypatch.setattr(chart.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(UsageError, match=r"`lr.png` asks for a picture.*pip install 'tfaip\[plot\]'.*`.csv`"):
        check_pictures("lr.png")
