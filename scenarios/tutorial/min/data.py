"""Data: where the images come from, and what a sample looks like."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Dict, List, Type

import numpy as np
from paiargparse import pai_dataclass, pai_meta

from scenarios.tutorial.datasets import Dataset, check_input_shape, load_images
from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams
from tfaip.data.pipeline.datagenerator import DataGenerator
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.specs import TensorSpec


@pai_dataclass
@dataclass
class MinGeneratorParams(DataGeneratorParams):
    """Which images are read."""

    dataset: Dataset = field(
        default=Dataset.DIGITS,
        metadata=pai_meta(help="Data set; `digits` needs no network, the others are downloaded."),
    )

    @staticmethod
    def cls() -> "Type[MinGenerator]":
        """Return the generator of these parameters."""
        return MinGenerator


class MinGenerator(DataGenerator[MinGeneratorParams]):
    """Yield the images of a data set, for training in a new order each time."""

    def __init__(self, mode: PipelineMode, params: MinGeneratorParams):
        super().__init__(mode, params)
        self._data = load_images(params.dataset, training=mode == PipelineMode.TRAINING)

    def __len__(self) -> int:
        return len(self._data)

    def generate(self) -> Iterator[Sample]:
        """Yield every image once."""
        order = np.arange(len(self))
        if self.mode == PipelineMode.TRAINING:
            np.random.shuffle(order)
        for i in order:
            image = self._data.images[i]
            label = self._data.labels[i]
            yield Sample(inputs={"img": image[..., np.newaxis]}, targets={"gt": label[np.newaxis]})


@pai_dataclass
@dataclass
class MinDataParams(DataBaseParams):
    """What the images look like."""

    input_shape: List[int] = field(
        default_factory=list,
        metadata=pai_meta(help="Height and width that every image must have; none takes the data set's own."),
    )

    def __post_init__(self) -> None:
        """Check the size."""
        check_input_shape(self.input_shape)

    @staticmethod
    def cls() -> "Type[MinData]":
        """Return the data class of these parameters."""
        return MinData


class MinData(DataBase[MinDataParams]):
    """A grey image `img` and its class `gt`."""

    def _input_layer_specs(self) -> Dict[str, TensorSpec]:
        height, width = self.params.input_shape or (None, None)
        return {"img": TensorSpec((height, width, 1), "uint8")}

    def _target_layer_specs(self) -> Dict[str, TensorSpec]:
        return {"gt": TensorSpec((1,), "int32")}
