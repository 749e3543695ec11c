"""Data: what a sample looks like, and what is done to it first."""

from dataclasses import dataclass, field
from typing import Dict, List, Type

from paiargparse import pai_dataclass, pai_meta

from scenarios.tutorial.datasets import check_input_shape
from scenarios.tutorial.full.processors.normalize import NormalizeProcessorParams
from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataBaseParams
from tfaip.data.pipeline.definitions import INPUT_PROCESSOR
from tfaip.data.pipeline.processor.params import SequentialProcessorPipelineParams
from tfaip.data.specs import TensorSpec


@pai_dataclass
@dataclass
class FullDataParams(DataBaseParams):
    """The size of the images."""

    input_shape: List[int] = field(
        default_factory=list,
        metadata=pai_meta(help="Height and width of the images; none takes those of the data set."),
    )

    def __post_init__(self) -> None:
        """Check the size."""
        check_input_shape(self.input_shape)

    @staticmethod
    def cls() -> "Type[FullData]":
        """Return the data class of these parameters."""
        return FullData


class FullData(DataBase[FullDataParams]):
    """A grey image `img`, normalised, and its class `gt`."""

    @classmethod
    def default_params(cls) -> FullDataParams:
        """Return parameters whose pre-processing normalises the image."""
        params = super().default_params()
        params.pre_proc = SequentialProcessorPipelineParams(
            processors=[NormalizeProcessorParams(modes=set(INPUT_PROCESSOR))],
            run_parallel=False,  # a division is faster than sending the image to another process
        )
        return params

    def _input_layer_specs(self) -> Dict[str, TensorSpec]:
        height, width = self.params.input_shape or (None, None)
        return {"img": TensorSpec((height, width, 1), "float32")}

    def _target_layer_specs(self) -> Dict[str, TensorSpec]:
        return {"gt": TensorSpec((1,), "int32")}
