"""Write curves: their values as CSV, and a chart of them as a picture, for which Pillow is needed."""

import csv
import importlib.util
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfaip.errors import UsageError
from tfaip.files import write_text

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

PICTURE = ".png"
_WIDTH, _HEIGHT = 960, 540
_LEFT, _TOP, _RIGHT, _BOTTOM = 90, 50, _WIDTH - 30, _HEIGHT - 60  # the frame around the curves
_AIR = 15  # between the frame and the highest and lowest point
_FONT_SIZE = 15
_TICKS = 6
_AXIS, _GRID, _TEXT = "#444444", "#dddddd", "#222222"
_COLORS = ("#1f5fa8", "#c8501e", "#2f8f4e", "#8a4fa0", "#7a6a2f")

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """What is drawn.

    Attributes:
        title: Above the chart.
        x_label: Below the axis.
        lines: Points that are joined, by the name of the line; those that are not finite are left out.
        has_log_x: Equal factors of x are equally far from each other; then all x are above 0.
        marks: Places on the x axis that get a vertical line, by what is written there.
    """

    title: str
    x_label: str
    lines: Mapping[str, Points]
    has_log_x: bool = False
    marks: Mapping[str, float] = field(default_factory=dict)


def has_pictures() -> bool:
    """Return whether pictures can be drawn here."""
    return importlib.util.find_spec("PIL") is not None


def check_pictures(flag: str) -> None:
    """Raise if pictures can not be drawn here.

    Raises:
        UsageError: Pillow is not installed.
    """
    if not has_pictures():
        raise UsageError(
            f"`{flag}` asks for a picture, for which Pillow is needed: `pip install 'tfaip[plot]'`. "
            "A name that ends with `.csv` writes the values without it."
        )


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a line with `names`, and one for each of the `rows`."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())


def draw(chart: Chart, path: Path) -> None:
    """Write `chart`, which has at least one finite point, to `path` as a PNG file."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    pen.font = ImageFont.load_default(_FONT_SIZE)
    lines = {name: _finite(points) for name, points in chart.lines.items()}
    points = [point for line in lines.values() for point in line]
    x_axis = _Axis.of([x for x, _ in points], math.log10 if chart.has_log_x else float, _LEFT, _RIGHT)
    y_axis = _Axis.of([y for _, y in points], float, _BOTTOM - _AIR, _TOP + _AIR)
    _draw_frame(pen, chart, x_axis, y_axis)
    for number, (name, line) in enumerate(lines.items()):
        color = _COLORS[number % len(_COLORS)]
        pen.line([(x_axis.pixel(x), y_axis.pixel(y)) for x, y in line], fill=color, width=2)
        pen.text((_RIGHT - 8, _TOP + 8 + number * (_FONT_SIZE + 5)), name, color, anchor="ra")
    for text, x in chart.marks.items():
        pen.line([(x_axis.pixel(x), _TOP), (x_axis.pixel(x), _BOTTOM)], fill=_AXIS)
        pen.text((x_axis.pixel(x) + 6, _TOP + 8), text, _TEXT)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, format="PNG")


@dataclass(frozen=True)
class _Axis:
    """Which pixel belongs to a value."""

    scale: Callable[[float], float]
    low: float
    high: float
    first: float
    last: float

    @classmethod
    def of(
        cls, values: Sequence[float], scale: Callable[[float], float], first: float, last: float
    ) -> "_Axis":
        scaled = [scale(value) for value in values]
        low, high = min(scaled), max(scaled)
        if low == high:
            reach = abs(low) / 2 or 1.0
            low, high = low - reach, high + reach
        return cls(scale, low, high, first, last)

    def pixel(self, value: float) -> float:
        share = (self.scale(value) - self.low) / (self.high - self.low)
        return self.first + share * (self.last - self.first)


def _finite(points: Points) -> Points:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _draw_frame(pen: "ImageDraw", chart: Chart, x_axis: _Axis, y_axis: _Axis) -> None:
    ticks = powers_between if chart.has_log_x else ticks_between
    for value in ticks(x_axis.low, x_axis.high):
        x = x_axis.pixel(value)
        pen.line([(x, _TOP), (x, _BOTTOM)], fill=_GRID)
        pen.text((x, _BOTTOM + 8), f"{value:.4g}", _TEXT, anchor="ma")
    for value in ticks_between(y_axis.low, y_axis.high):
        y = y_axis.pixel(value)
        pen.line([(_LEFT, y), (_RIGHT, y)], fill=_GRID)
        pen.text((_LEFT - 8, y), f"{value:.4g}", _TEXT, anchor="rm")
    pen.rectangle([_LEFT, _TOP, _RIGHT, _BOTTOM], outline=_AXIS)
    pen.text((_WIDTH / 2, _TOP / 2), chart.title, _TEXT, anchor="mm")
    pen.text((_WIDTH / 2, _HEIGHT - 18), chart.x_label, _TEXT, anchor="mm")


def ticks_between(low: float, high: float) -> list[float]:
    """Return a few round values from `low` to `high`: multiples of 1, 2 or 5 times a power of 10."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def powers_between(low: float, high: float) -> list[float]:
    """Return the powers of 10 with exponents from `low` to `high`; the two ends, if there are too few."""
    powers = [10.0**i for i in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
    return powers if len(powers) > 1 else [10.0**low, 10.0**high]
