"""The toy's tensors."""

from tests.toy.params import NoiseParams, ToyDataParams
from tfaip.data.data import DataBase
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.pipeline.processor.params import SequentialProcessorPipelineParams
from tfaip.data.specs import TensorSpec


class ToyData(DataBase[ToyDataParams]):
    """Points in, sides out."""

    @classmethod
    def default_params(cls) -> ToyDataParams:
        params = super().default_params()
        noise = NoiseParams(modes={PipelineMode.TRAINING})
        params.pre_proc = SequentialProcessorPipelineParams(run_parallel=False, processors=[noise])
        return params

    def _input_layer_specs(self):
        return {"x": TensorSpec((3,), "float32")}

    def _target_layer_specs(self):
        return {"side": TensorSpec((1,), "int32")}
