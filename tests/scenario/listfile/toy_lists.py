"""The toy of the tests, but its points are named in list files."""

# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass

from paiargparse import pai_dataclass

from tests.toy.data import ToyData
from tests.toy.params import ToyDataParams, ToyModelParams
from tests.toy.points import points
from tfaip.data.pipeline.definitions import Sample
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor
from tfaip.scenario.listfile.listfilescenario import ListFileScenario
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams


@pai_dataclass
@dataclass
class ReadPointParams(DataProcessorParams):
    """Nothing to choose."""

    @staticmethod
    def cls():
        return ReadPoint


class ReadPoint(MappingDataProcessor[ReadPointParams]):
    """Takes a line for the id of a point."""

    def apply(self, sample: Sample) -> Sample:
        (point,) = points(int(sample.inputs), 1)
        return point.new_meta(sample.meta)


@pai_dataclass
@dataclass
class ListToyDataParams(ToyDataParams):
    """Points that are read first."""

    @staticmethod
    def cls():
        return ListToyData


class ListToyData(ToyData):
    """Points that are read first."""

    @classmethod
    def params_cls(cls):
        return ListToyDataParams

    @classmethod
    def default_params(cls):
        params = super().default_params()
        params.pre_proc.processors.insert(0, ReadPointParams())
        return params


@pai_dataclass
@dataclass
class ListToyScenarioParams(ScenarioBaseParams[ListToyDataParams, ToyModelParams]):
    """The toy with lists."""


class ListToyScenario(ListFileScenario[ListToyScenarioParams]):
    """Trains in under a second."""

    @classmethod
    def default_trainer_params(cls):
        params = super().default_trainer_params()
        params.gen.setup.train.batch_size = 8
        params.gen.setup.val.batch_size = 8
        params.learning_rate.lr = 0.01
        params.epochs = 2
        params.random_seed = 7
        params.progress_bar_mode = 0
        params.skip_model_load_test = True
        params.scenario.print_eval_limit = 0
        return params


def write_list(path, ids):
    """Write the ids of points to a list file and return its name."""
    path.write_text("\n".join(map(str, ids)))
    return str(path)
