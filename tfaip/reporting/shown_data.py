"""What batches hold, in words and as pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfaip.printable import printable
from tfaip.reporting.input_costs import num_samples

_NUM_SHOWN = 4  # values of text and of small arrays
_FEW_VALUES = 4  # arrays up to this size are shown, not only their range
_SMALLEST_SIDE = 4  # of a picture
_CHANNELS = (1, 3, 4)
_NUMBERS = "fiub"  # NumPy's kinds of dtypes, with booleans


@dataclass
class ShownKey:
    """What all samples have under one key of one part.

    Fields: `dtype` is that of the batches, `shapes` those of single samples, still padded; `lowest`,
    `highest` and `total` are of the finite values, `num_not_finite` counts the others; `examples` are the
    first values.
    """

    part: str
    key: str
    dtype: str = ""
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    lowest: float = np.inf
    highest: float = -np.inf
    total: float = 0.0
    num_finite: int = 0
    num_not_finite: int = 0
    examples: list[Any] = field(default_factory=list)

    def add(self, batch: np.ndarray) -> None:
        """Take in the values `(N, ...)` of a batch."""
        self.dtype = "text" if batch.dtype == object else batch.dtype.name
        self.shapes.append(batch.shape[1:])
        self.examples += list(batch[: max(0, _NUM_SHOWN - len(self.examples))])
        if batch.dtype.kind in _NUMBERS and batch.size:
            self._add_numbers(batch.astype(np.float64))

    def describe(self) -> str:
        """Return one line."""
        return f"{self.key}  {self.dtype}  {self._shape()}  {self._values()}".rstrip()

    def _add_numbers(self, values: np.ndarray) -> None:
        finite = values[np.isfinite(values)]
        self.num_not_finite += values.size - finite.size
        if finite.size:
            self.lowest = min(self.lowest, float(finite.min()))
            self.highest = max(self.highest, float(finite.max()))
            self.total += float(finite.sum())
            self.num_finite += finite.size

    def _shape(self) -> str:
        axes = [sorted(set(sizes)) for sizes in zip(*self.shapes, strict=True)]
        texts = [str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]}-{sizes[-1]}" for sizes in axes]
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"

    def _values(self) -> str:
        texts = []
        if self.num_finite:
            texts.append(f"{self.lowest:.4g} to {self.highest:.4g}, mean {self.total / self.num_finite:.4g}")
        if self.num_not_finite:
            texts.append(f"{self.num_not_finite} NaN or infinite")
        if all(np.size(example) <= _FEW_VALUES for example in self.examples):
            texts.append("first " + " ".join(_short(example) for example in self.examples))
        return "; ".join(texts)


class ShownData:
    """What the batches of a pipeline hold, part by part.

    Fields: `parts` are the names of what a batch holds, in order; `num_samples` and `num_batches` count.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        self.parts = list(parts)
        self.num_samples = self.num_batches = 0
        self._keys: dict[tuple[str, str], ShownKey] = {}

    def add(self, batch: Sequence[Mapping[str, np.ndarray]]) -> None:
        """Take in a batch."""
        self.num_batches += 1
        self.num_samples += num_samples(batch)
        for name, part in zip(self.parts, batch, strict=True):
            for key, array in part.items():
                self._keys.setdefault((name, key), ShownKey(name, key)).add(array)

    def lines(self) -> Iterator[str]:
        """Yield one line for each part, and below it one for each of its keys."""
        for part in self.parts:
            yield part
            for shown in self._keys.values():
                if shown.part == part:
                    yield f"  {shown.describe()}"


def write_images(
    batch: Sequence[Mapping[str, np.ndarray]], parts: Sequence[str], folder: Path, *, first: int = 0
) -> list[Path]:
    """Write a PNG for each array of a sample that looks like an image, and return the files.

    An image is `(H, W)` or `(H, W, C)` with 1, 3 or 4 channels. Values of uint8 are written as they are,
    others are scaled so that the lowest of the array is black and the highest is white.

    Args:
        batch: The parts of a batch.
        parts: Their names.
        folder: Where the files go; it is created if there is an image.
        first: The number of the first sample of the batch.

    Raises:
        ImportError: There is an image, but Pillow is not installed.
    """
    images = [
        (name, key, array)
        for name, part in zip(parts, batch, strict=True)
        for key, array in part.items()
        if array.dtype.kind in _NUMBERS and is_image_like(array.shape[1:])
    ]
    if not images:
        return []
    from PIL import Image  # noqa: PLC0415 - it is optional

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, key, array in images:
        for number, values in enumerate(array, start=first):
            path = folder / f"{number:04d}_{name}_{_as_name(key)}.png"
            Image.fromarray(as_pixels(values)).save(path)
            written.append(path)
    return written


def is_image_like(shape: Sequence[int]) -> bool:
    """Return whether an array of this shape can be seen as an image."""
    has_channels = len(shape) == 2 or (len(shape) == 3 and shape[2] in _CHANNELS)
    return has_channels and min(shape[:2]) >= _SMALLEST_SIDE


def as_pixels(values: np.ndarray) -> np.ndarray:
    """Return an image as uint8: `(H, W)`, or `(H, W, C)` with 3 or 4 channels."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.dtype == np.uint8:
        return values
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    span = numbers.max() - numbers.min()
    return (255 * (numbers - numbers.min()) / (span or 1.0)).round().astype(np.uint8)


def _short(example: Any) -> str:
    values = np.asarray(example).reshape(-1)
    texts = [printable(v.decode(errors="replace") if isinstance(v, bytes) else v) for v in values.tolist()]
    return texts[0] if len(texts) == 1 else f"[{' '.join(texts)}]"


def _as_name(key: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in key)
