"""Inputs that are at hand, as the source of a pipeline."""

from collections.abc import Iterable, Iterator
from typing import Any

from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.datagenerator import DataGenerator
from tfaip.data.pipeline.definitions import PipelineMode, Sample


class RawInputsGenerator(DataGenerator[DataGeneratorParams]):
    """Yields one sample for each of some inputs, which are read as they are needed."""

    def __init__(self, inputs: Iterable[Any], size: int | None = None) -> None:
        """Prepare to yield.

        Args:
            inputs: What the generator of a scenario would put into `Sample.inputs`.
            size: Their number, if it is known better than from their length.
        """
        super().__init__(PipelineMode.PREDICTION, DataGeneratorParams())
        self._inputs = inputs
        self._size = size

    def __len__(self) -> int:
        return len(self._inputs) if self._size is None else self._size  # type: ignore[arg-type]

    def generate(self) -> Iterator[Sample]:
        """Wrap each of the inputs."""
        for inputs in self._inputs:
            yield Sample(inputs=inputs, meta={})
