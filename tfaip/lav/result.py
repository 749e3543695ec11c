"""The numbers of one data set."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfaip.params.json_codec import TFAIPJsonEncoder


class LAVResult(dict[str, Any]):
    """The metrics of one data set by name.

    Attributes:
        num_samples: The samples that were counted. A data set without any has no metrics.
    """

    def __init__(self, metrics: Mapping[str, Any], num_samples: int) -> None:
        super().__init__(metrics)
        self.num_samples = num_samples

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to measure."""
        return self.num_samples == 0

    def to_json(self) -> str:
        """Return the number of samples and the metrics as a JSON object, indented by 2."""
        marks: dict[str, Any] = {"num_samples": self.num_samples}
        if self.is_empty:
            marks["empty"] = True
        return json.dumps({**marks, **without_summaries(self)}, cls=TFAIPJsonEncoder, indent=2)

    def one_line(self) -> str:
        """Return the metrics that are numbers as `name: value - name: value`, in the order of their names."""
        numbers = {name: self[name] for name in sorted(self) if is_number(self[name])}
        return " - ".join(f"{name}: {np.mean(value):.4f}" for name, value in numbers.items())


def is_number(value: Any) -> bool:
    """Return whether a metric is a number, or an array of numbers, as logs and curves can show it."""
    return np.asarray(value).dtype.kind in "fiub" and np.size(value) > 0


def without_summaries(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics without serialised summaries, which only TensorBoard can show."""
    return {name: value for name, value in metrics.items() if not isinstance(value, bytes)}
