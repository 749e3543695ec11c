"""The toy's parameters."""

from dataclasses import dataclass, field

from paiargparse import pai_dataclass, pai_meta

from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams
from tfaip.data.pipeline.datagenerator import DataGenerator, RawDataGenerator
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams
from tfaip.model.modelbaseparams import ModelBaseParams
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.trainer.params import TrainerPipelineParams


@pai_dataclass
@dataclass
class ToyGeneratorParams(DataGeneratorParams):
    """Points in a cube."""

    number: int = field(default=40, metadata=pai_meta(help="Samples."))
    first_id: int = field(default=0, metadata=pai_meta(help="Id of the first sample."))

    @staticmethod
    def cls():
        return RawDataGenerator

    def create(self, mode: PipelineMode) -> DataGenerator:
        from tests.toy.points import points

        return RawDataGenerator(points(self.first_id, self.number), mode, self)


@pai_dataclass
@dataclass
class ToyDataParams(DataBaseParams):
    """The toy's data."""

    @staticmethod
    def cls():
        from tests.toy.data import ToyData

        return ToyData


@pai_dataclass
@dataclass
class NoiseParams(DataProcessorParams):
    """Random noise on the points."""

    size: float = field(default=0.1, metadata=pai_meta(help="Standard deviation."))

    @staticmethod
    def cls():
        from tests.toy.points import Noise

        return Noise


@pai_dataclass
@dataclass
class ToyModelParams(ModelBaseParams):
    """The toy's model."""

    nodes: int = field(default=8, metadata=pai_meta(help="Nodes of the hidden layer."))
    dropout: float = field(default=0.5, metadata=pai_meta(help="Rate."))

    @staticmethod
    def cls():
        from tests.toy.model import ToyModel

        return ToyModel

    def graph_cls(self):
        from tests.toy.model import ToyGraph

        return ToyGraph


@pai_dataclass
@dataclass
class ToyScenarioParams(ScenarioBaseParams[ToyDataParams, ToyModelParams]):
    """The toy."""


@pai_dataclass
@dataclass
class ToyPipelineParams(TrainerPipelineParams[ToyGeneratorParams, ToyGeneratorParams]):
    """The toy's samples."""
