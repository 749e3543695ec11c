"""Points, and noise on them."""

import numpy as np

from tfaip.data.pipeline.definitions import Sample
from tfaip.data.pipeline.processor.dataprocessor import MappingDataProcessor

PLANE = np.array([1.0, -2.0, 0.5], dtype="float32")


def points(first_id: int, number: int) -> list[Sample]:
    """Return samples that depend on nothing but their id."""
    return [_point(i) for i in range(first_id, first_id + number)]


def _point(i: int) -> Sample:
    x = np.random.RandomState(i).uniform(-1, 1, 3).astype("float32")
    side = np.array([int(x @ PLANE > 0)], dtype="int32")
    return Sample(inputs={"x": x}, targets={"side": side}, meta={"id": i})


class Noise(MappingDataProcessor):
    """Moves each point a bit."""

    def apply(self, sample: Sample) -> Sample:
        x = sample.inputs["x"]
        noise = np.random.normal(0, self.params.size, x.shape).astype("float32")
        return sample.new_inputs({"x": x + noise})
