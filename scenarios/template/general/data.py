"""Data: where samples come from, and what they look like."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Dict, Type

import numpy as np
from paiargparse import pai_dataclass, pai_meta

from scenarios.template.general.processors import CenterProcessorParams
from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams
from tfaip.data.pipeline.datagenerator import DataGenerator
from tfaip.data.pipeline.definitions import INPUT_PROCESSOR, PipelineMode, Sample
from tfaip.data.pipeline.processor.params import SequentialProcessorPipelineParams
from tfaip.data.specs import TensorSpec

LENGTH = 8


@pai_dataclass
@dataclass
class TemplateGeneratorParams(DataGeneratorParams):
    """Where samples come from."""

    # CHANGE: what your generator needs to find its samples, for example a list of files.
    n_samples: int = field(default=1000, metadata=pai_meta(help="Samples in a pass."))

    @staticmethod
    def cls() -> "Type[TemplateGenerator]":
        """Return the generator of these parameters."""
        return TemplateGenerator


class TemplateGenerator(DataGenerator[TemplateGeneratorParams]):
    """Yield made-up samples, others for training than for validation."""

    def __len__(self) -> int:
        return self.params.n_samples

    def generate(self) -> Iterator[Sample]:
        """Yield the samples of one pass."""
        # CHANGE: keep it quick, for example yield file names and let a processor load the files. In training
        # yield another order each time; `random` and `numpy.random` are seeded for each pass.
        order = np.arange(len(self))
        if self.mode == PipelineMode.TRAINING:
            np.random.shuffle(order)
        for number in order:
            yield self._sample(int(number))

    def _sample(self, number: int) -> Sample:
        random = np.random.default_rng([self.mode == PipelineMode.TRAINING, number])
        values = random.uniform(0, 1, LENGTH).astype("float32")
        return Sample(
            inputs={"values": values},
            targets={"is_high": np.array([values.mean() > 0.5], "float32")},
            meta={"id": number},  # names the sample in messages and results
        )


@pai_dataclass
@dataclass
class TemplateDataParams(DataBaseParams):
    """What samples look like."""

    # CHANGE: what training and prediction must agree on, for example the size of an image.

    @staticmethod
    def cls() -> "Type[TemplateData]":
        """Return the data class of these parameters."""
        return TemplateData


class TemplateData(DataBase[TemplateDataParams]):
    """Numbers `values`, and whether their mean `is_high`."""

    @classmethod
    def default_params(cls) -> TemplateDataParams:
        """Return parameters with the processors of this scenario."""
        params = super().default_params()
        params.pre_proc = SequentialProcessorPipelineParams(
            processors=[CenterProcessorParams(modes=set(INPUT_PROCESSOR))],
            run_parallel=False,  # CHANGE: True, if a sample takes longer than a millisecond
        )
        return params

    # CHANGE: names, shapes without the batch axis, and types. `None` is an axis that is padded.

    def _input_layer_specs(self) -> Dict[str, TensorSpec]:
        return {"values": TensorSpec((LENGTH,), "float32")}

    def _target_layer_specs(self) -> Dict[str, TensorSpec]:
        return {"is_high": TensorSpec((1,), "float32")}
