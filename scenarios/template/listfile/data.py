"""Data: what samples look like. They come from the lists that `--train.lists` and `--val.lists` name."""

from dataclasses import dataclass, field
from typing import Dict, List, Type

from paiargparse import pai_dataclass, pai_meta

from scenarios.template.listfile.processors import ClassProcessorParams, ImageProcessorParams
from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataBaseParams
from tfaip.data.pipeline.definitions import INPUT_PROCESSOR, TARGETS_PROCESSOR
from tfaip.data.pipeline.processor.params import SequentialProcessorPipelineParams
from tfaip.data.specs import TensorSpec


@pai_dataclass
@dataclass
class TemplateDataParams(DataBaseParams):
    """What training and prediction must agree on."""

    # CHANGE: each field is a flag, here `--data.height 64`; processors see them as `self.data_params`.
    height: int = field(default=32, metadata=pai_meta(help="Height to which images are scaled."))
    width: int = field(default=32, metadata=pai_meta(help="Width to which images are scaled."))
    classes: List[str] = field(
        default_factory=lambda: ["dark", "light"],
        metadata=pai_meta(help="Names of the classes; an image lies in a folder with the name of its class."),
    )

    @staticmethod
    def cls() -> "Type[TemplateData]":
        """Return the data class of these parameters."""
        return TemplateData


class TemplateData(DataBase[TemplateDataParams]):
    """A grey image `img` and the number `gt` of its class."""

    @classmethod
    def default_params(cls) -> TemplateDataParams:
        """Return parameters with the processors of this scenario."""
        params = super().default_params()
        params.pre_proc = SequentialProcessorPipelineParams(
            processors=[
                ClassProcessorParams(modes=set(TARGETS_PROCESSOR)),
                ImageProcessorParams(modes=set(INPUT_PROCESSOR)),
            ],
            run_parallel=True,
        )
        return params

    # CHANGE: names, shapes without the batch axis, and types. `None` is an axis that is padded.

    def _input_layer_specs(self) -> Dict[str, TensorSpec]:
        return {"img": TensorSpec((self.params.height, self.params.width, 1), "float32")}

    def _target_layer_specs(self) -> Dict[str, TensorSpec]:
        return {"gt": TensorSpec((1,), "int32")}
