from dataclasses import dataclass
from unittest import TestCase

import pytest
import tensorflow as tf
from paiargparse import pai_dataclass

from scenarios.tutorial.full.scenario import FullScenario
from scenarios.tutorial.min.scenario import MinScenario
from tests.lav.toys import EvaluatedToy
from tests.toy.model import ToyModel
from tests.toy.params import ToyDataParams, ToyModelParams, ToyPipelineParams
from tests.toy.scenario import ToyScenario
from tfaip.scenario.scenariobase import ScenarioBase
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.testing.training import (
    AdditionalTrainerArgs,
    lav_test_case,
    resume_training,
    single_train_iter,
    warmstart_training_test_case,
)
from tfaip.trainer.callbacks.tensor_board_callback import TensorBoardCallback

HELPERS = [single_train_iter, resume_training, lav_test_case, warmstart_training_test_case]
TEST = TestCase()


@pytest.mark.parametrize("helper", HELPERS)
def test_the_toy_passes(helper):
    helper(TEST, EvaluatedToy)


@pytest.mark.slow
@pytest.mark.parametrize("helper", HELPERS)
def test_the_full_tutorial_passes(helper):
    helper(TEST, FullScenario)


@pytest.mark.slow
def test_the_minimal_tutorial_passes_with_a_graph_from_its_code():
    lav_test_case(TEST, MinScenario, instantiate_graph=True)


def test_the_toy_passes_with_preloaded_data_and_line_by_line():
    single_train_iter(TEST, ToyScenario, args=AdditionalTrainerArgs(preload_data=True), debug=True)


@pai_dataclass
@dataclass
class AgeingModelParams(ToyModelParams):
    """Params of a model that is wrong."""

    @staticmethod
    def cls():
        return AgeingModel


class AgeingModel(ToyModel):
    """A loss grows with the steps of the training; LAV knows nothing of them."""

    def _loss(self, inputs, targets, outputs):
        steps = tf.cast(targets.get("step", tf.zeros([1], tf.int64)), "float32")
        return {**super()._loss(inputs, targets, outputs), "age": steps}

    def _loss_weights(self):
        return {"age": 0.0}


@pai_dataclass
@dataclass
class AgeingParams(ScenarioBaseParams[ToyDataParams, AgeingModelParams]):
    """Params of a scenario that is wrong."""


class AgeingToy(ScenarioBase[AgeingParams, ToyPipelineParams]):
    """A scenario that is wrong."""


@pytest.mark.parametrize("helper", [resume_training, lav_test_case])
def test_a_scenario_fails_whose_values_depend_on_the_step(helper):
    with pytest.raises(AssertionError, match="age"):
        helper(TEST, AgeingToy)


def test_a_scenario_fails_whose_values_are_not_in_tensorboard(monkeypatch):
    monkeypatch.setattr(TensorBoardCallback, "on_epoch_end", lambda *_: None)

    with pytest.raises(AssertionError, match="in TensorBoard"):
        single_train_iter(TEST, ToyScenario)
