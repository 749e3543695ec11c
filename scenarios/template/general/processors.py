"""Processors: what is done to a sample before it reaches the network."""

from dataclasses import dataclass, field
from typing import Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.data.pipeline.definitions import Sample
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor


@pai_dataclass
@dataclass
class CenterProcessorParams(DataProcessorParams):
    """How values are centred."""

    middle: float = field(default=0.5, metadata=pai_meta(help="The value that becomes 0."))

    @staticmethod
    def cls() -> "Type[CenterProcessor]":
        """Return the processor of these parameters."""
        return CenterProcessor


class CenterProcessor(MappingDataProcessor[CenterProcessorParams]):
    """Move the middle of the values to 0."""

    def apply(self, sample: Sample) -> Sample:
        """Return `sample` with centred values."""
        # CHANGE: load, scale, augment. `return sample.new_invalid()` drops a sample.
        values = sample.inputs["values"] - self.params.middle
        return sample.new_inputs({**sample.inputs, "values": values})
