"""Processors: a line of a list becomes an image and its class."""

from dataclasses import dataclass
from pathlib import Path
from typing import Type

import numpy as np
from paiargparse import pai_dataclass
from PIL import Image

from tfaip.data.pipeline.definitions import Sample
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor
from tfaip.errors import DataError

# CHANGE: `sample.inputs` and `sample.targets` are a line of a list, as it stands there. Make dicts of arrays
# of them. `return sample.new_invalid()` drops a sample.


@pai_dataclass
@dataclass
class ImageProcessorParams(DataProcessorParams):
    """Nothing to choose: the size is that of the data."""

    @staticmethod
    def cls() -> "Type[ImageProcessor]":
        """Return the processor of these parameters."""
        return ImageProcessor


class ImageProcessor(MappingDataProcessor[ImageProcessorParams]):
    """Load the image that the inputs name."""

    def apply(self, sample: Sample) -> Sample:
        """Return `sample` with the grey image `(H, W, 1)`, -0.5 to 0.5."""
        with Image.open(sample.inputs) as file:
            image = file.convert("L").resize((self.data_params.width, self.data_params.height))
        values = np.asarray(image, "float32")[..., np.newaxis] / 255 - 0.5
        return sample.new_inputs({"img": values})


@pai_dataclass
@dataclass
class ClassProcessorParams(DataProcessorParams):
    """Nothing to choose: the classes are those of the data."""

    @staticmethod
    def cls() -> "Type[ClassProcessor]":
        """Return the processor of these parameters."""
        return ClassProcessor


class ClassProcessor(MappingDataProcessor[ClassProcessorParams]):
    """Take the name of an image's folder for its class."""

    def apply(self, sample: Sample) -> Sample:
        """Return `sample` with the number of its class `(1,)`."""
        name, classes = Path(sample.targets).parent.name, self.data_params.classes
        if name not in classes:
            raise DataError(
                f"The folder `{name}` of `{sample.targets}` is none of the classes {classes}. "
                "Name all of them with `--data.classes`."
            )
        return sample.new_targets({"gt": np.array([classes.index(name)], "int32")})
