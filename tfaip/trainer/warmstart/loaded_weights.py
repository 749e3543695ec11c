"""Weights in a file: their names and shapes at once, their values when they are asked for."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfaip.errors import StorageError


@dataclass(frozen=True)
class LoadedWeights:
    """The weights in a file.

    Attributes:
        path: Where they are.
        shapes: The shape of each weight by its name, without `:0`. Names in files of Keras may end with a
            number instead of a word: `hidden/0`.
        read: Returns the values of the given names.
        is_ordered: Whether `shapes` has the order of the weights in the model that wrote them.
        is_checkpoint: Whether the file is a checkpoint.
    """

    path: Path
    shapes: dict[str, tuple[int, ...]]
    read: Callable[[Collection[str]], dict[str, np.ndarray]]
    is_ordered: bool = False
    is_checkpoint: bool = False


def damaged(path: Path, error: Exception) -> StorageError:
    """Return the error for a file that cannot be read."""
    line = (str(error).splitlines() or [""])[0][:300]
    return StorageError(
        f"The weights in `{path}` cannot be read: {type(error).__name__}: {line}. Nothing was loaded. "
        "Restore the file from a copy, or give another path to the warm start."
    )
