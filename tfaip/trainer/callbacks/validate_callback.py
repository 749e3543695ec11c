"""Validate by any function that returns numbers."""

from collections.abc import Callable, Mapping
from typing import Any, Dict, Optional

import keras
import numpy as np

from tfaip.errors import UsageError

VALIDATE_PREFIX = "val/"


class ValidateCallback(keras.callbacks.Callback):
    """At the end of each epoch: call `function()` and add its numbers to the logs as `val/<name>`.

    Every later callback sees them, so each may decide which model is the best. The model holds the averaged
    weights then, if there are any.
    """

    def __init__(self, function: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self._function = function

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Add what the function returns.

        Raises:
            UsageError: If that is no dict of numbers.
        """
        results = self._function()
        if not isinstance(results, Mapping):
            raise UsageError(f"The function `validate` must return a dict of numbers, got {results!r}.")
        for name, value in results.items():
            if np.asarray(value).dtype.kind not in "fiub":
                raise UsageError(f"The function `validate` must return numbers, got {value!r} for `{name}`.")
            if logs is not None:
                logs[f"{VALIDATE_PREFIX}{name}"] = value if np.ndim(value) else float(value)
