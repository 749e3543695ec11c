"""Bring grey values into the range that a network likes."""

from dataclasses import dataclass, field
from typing import Type

import numpy as np
from paiargparse import pai_dataclass, pai_meta

from tfaip.data.pipeline.definitions import Sample
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor


@pai_dataclass
@dataclass
class NormalizeProcessorParams(DataProcessorParams):
    """How grey values are scaled."""

    center: bool = field(default=True, metadata=pai_meta(help="Scale to -0.5 .. 0.5, otherwise to 0 .. 1."))

    @staticmethod
    def cls() -> "Type[NormalizeProcessor]":
        """Return the processor of these parameters."""
        return NormalizeProcessor


class NormalizeProcessor(MappingDataProcessor[NormalizeProcessorParams]):
    """Turn the uint8 image `img` of a sample into float32."""

    def apply(self, sample: Sample) -> Sample:
        """Return `sample` with the scaled image."""
        image = sample.inputs["img"].astype(np.float32) / 255
        if self.params.center:
            image -= 0.5
        return sample.new_inputs({**sample.inputs, "img": image})
