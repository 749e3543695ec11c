"""Samples for training and validation, from a data set."""

from dataclasses import dataclass, field
from typing import Optional, Type

import numpy as np
from paiargparse import pai_dataclass, pai_meta

from scenarios.tutorial.datasets import Dataset, load_images
from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.datagenerator import RawDataGenerator
from tfaip.data.pipeline.definitions import PipelineMode, Sample


@pai_dataclass
@dataclass
class FullGeneratorParams(DataGeneratorParams):
    """Which images are read, and in which order."""

    dataset: Dataset = field(
        default=Dataset.DIGITS,
        metadata=pai_meta(help="Data set; `digits` needs no network, the others are downloaded."),
    )
    force_train: bool = field(default=False, metadata=pai_meta(help="Validate on the training images, too."))
    shuffle: Optional[bool] = field(
        default=None,
        metadata=pai_meta(help="New order in each pass; unless said, only in training."),
    )

    @staticmethod
    def cls() -> "Type[FullGenerator]":
        """Return the generator of these parameters."""
        return FullGenerator

    def create(self, mode: PipelineMode) -> "FullGenerator":
        """Return a generator for `mode`."""
        return FullGenerator(mode, self)


class FullGenerator(RawDataGenerator[FullGeneratorParams]):
    """Yield the samples of a data set, all of which are held in memory."""

    def __init__(self, mode: PipelineMode, params: FullGeneratorParams):
        training = params.force_train or mode == PipelineMode.TRAINING
        data = load_images(params.dataset, training=training)
        samples = [
            Sample(
                inputs={"img": image[..., np.newaxis]},
                targets={"gt": label[np.newaxis]},
                meta={"index": index},
            )
            for index, (image, label) in enumerate(zip(data.images, data.labels, strict=True))
        ]
        super().__init__(samples, mode, params)
        if params.shuffle is not None:
            self.shuffle = params.shuffle
