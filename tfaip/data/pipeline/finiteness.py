"""NaN and infinity in batches: found, counted and reported, or refused."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfaip.data.databaseparams import NonFinite
from tfaip.data.pipeline.batching import Batch
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.specs import parts_of_mode
from tfaip.errors import DataError

logger = logging.getLogger(__name__)

_NAMES_KEPT = 5


class Spot(NamedTuple):
    """Where a batch is not finite: the number of the part, the key, and the row."""

    part: int
    key: str
    row: int


def find_non_finite(batch: Batch) -> list[Spot]:
    """Return the rows of the arrays of floats that hold NaN or infinity."""
    return [
        Spot(number, key, int(row))
        for number, part in enumerate(batch)
        for key, array in part.items()
        if "float" in array.dtype.name and not _is_surely_finite(array)
        for row in np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
    ]


class FinitenessReport:
    """What is done about values that are not finite, over all batches of a pipeline."""

    def __init__(self, policy: NonFinite, mode: PipelineMode) -> None:
        self._policy = policy
        self._parts = parts_of_mode(mode)
        self._number = 0
        self._names: list[str] = []

    @property
    def looks(self) -> bool:
        """Whether batches have to be looked at."""
        return self._policy != NonFinite.IGNORE

    def add(self, spots: Sequence[Spot], name: Callable[[int], str]) -> None:
        """Count rows that are not finite; log at the first and whenever there are ten times as many.

        Args:
            spots: Where they are in a batch.
            name: Returns how a message names the sample of a row.

        Raises:
            DataError: if they are refused.
        """
        for spot in spots:
            text = f"`{spot.key}` in the {self._parts[spot.part]} of {name(spot.row)}"
            if self._policy == NonFinite.RAISE:
                raise DataError(
                    f"{text} holds NaN or infinity. Mend or drop it in a processor of `pre_proc`, or set "
                    "`non_finite` to warn."
                )
            self._number += 1
            if len(self._names) < _NAMES_KEPT:
                self._names.append(text)
            if _is_power_of_ten(self._number):
                logger.warning(
                    "%d arrays of samples held NaN or infinity so far: %s%s. Set `non_finite` to raise "
                    "to stop there.",
                    self._number,
                    ", ".join(self._names),
                    ", ..." if self._number > len(self._names) else "",
                )


def _is_surely_finite(array: np.ndarray) -> bool:
    """Return whether the sum of squares is finite; it takes a tenth of the time of looking at each value."""
    if array.dtype.kind != "f" or array.dtype.itemsize < 4:
        return False
    flat: Any = array.reshape(-1)
    return bool(np.isfinite(np.dot(flat, flat)))


def _is_power_of_ten(number: int) -> bool:
    return str(number).strip("0") == "1"
