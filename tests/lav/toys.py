"""The toy with an evaluator, and what goes wrong."""

from dataclasses import dataclass

import numpy as np
from paiargparse import pai_dataclass

from tests.toy.params import ToyGeneratorParams
from tests.toy.points import points
from tests.toy.scenario import ToyScenario
from tfaip.data.pipeline.datagenerator import RawDataGenerator
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor
from tfaip.evaluator.evaluator import EvaluatorBase
from tfaip.evaluator.params import EvaluatorParams
from tfaip.lav.callbacks.lav_callback import LAVCallback
from tfaip.lav.params import LAVParams
from tfaip.predict.multimodelpredictor import MultiModelPredictor, MultiModelVoter

# pyright: reportAttributeAccessIssue=false, reportIncompatibleMethodOverride=false


class ToyEvaluator(EvaluatorBase[EvaluatorParams]):
    """The share of right sides."""

    def __enter__(self):  # returns nothing, as evaluators of 1.2 do
        self.right = self.number = 0

    def update_state(self, sample):
        self.number += 1
        self.right += int(sample.targets["side"][0] == sample.outputs["side"])

    def result(self):
        return {"eval_acc": self.right / self.number}


class Voter(MultiModelVoter):
    """The side with the larger sum of logits."""

    def vote(self, sample):
        logits = sum(outputs["logits"] for outputs in sample.outputs)
        return sample.new_outputs({"side": logits.argmax(), "logits": logits})


class VotingPredictor(MultiModelPredictor):
    def create_voter(self, data_params):
        return Voter()


class EvaluatedToy(ToyScenario):
    """The toy with an evaluator, whose models vote."""

    @classmethod
    def evaluator_cls(cls):
        return ToyEvaluator

    @classmethod
    def multi_predictor_cls(cls):
        return VotingPredictor


class Records(LAVCallback):
    """Keeps what it is called with."""

    def __init__(self):
        super().__init__()
        self.events = []
        self.samples = []

    def on_lav_start(self):
        self.events.append("start")

    def on_sample_end(self, sample):
        self.samples.append(sample)

    def on_lav_end(self, result):
        self.events.append(dict(result))

    def close(self):
        self.events.append("close")


@pai_dataclass
@dataclass
class PostParams(DataProcessorParams):
    """What the post-processing does at which id."""

    raises: int = -1
    drops: int = -1

    @staticmethod
    def cls():
        return Post


class Post(MappingDataProcessor[PostParams]):
    """Marks the sample, fails, or drops it."""

    def apply(self, sample):
        if sample.meta["id"] == self.params.raises:
            raise ValueError("broken post-processing")
        if sample.meta["id"] == self.params.drops:
            return sample.new_invalid()
        return sample.new_outputs({**sample.outputs, "post": True})


@pai_dataclass
@dataclass
class ShortParams(ToyGeneratorParams):
    """Promises more samples than there are."""

    promised: int = 1000

    def create(self, mode):
        class Short(RawDataGenerator):
            def __len__(self):
                return self.params.promised

        return Short(points(self.first_id, self.number), mode, self)


def lav_params(path, batch_size=8, **kwargs):
    params = LAVParams(model_path=str(path), silent=True, store_results=False)
    params.pipeline.batch_size = batch_size
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


def create_lav(path, batch_size=8, post=None, **kwargs):
    """Return LAV of the export at `path`."""
    scenario_params = EvaluatedToy.params_from_path(str(path))
    if post is not None:
        scenario_params.data.post_proc.processors = [post]
    return EvaluatedToy.create_lav(lav_params(path, batch_size, **kwargs), scenario_params)


def run(lav, *generators, **kwargs):
    return list(lav.run(list(generators) or [validation_samples()], **kwargs))


def validation_samples(number=20, first_id=1000):
    return ToyGeneratorParams(number=number, first_id=first_id)


def assert_close(one, other, atol=1e-6):
    assert set(one) == set(other)
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], rtol=0, atol=atol, err_msg=name)
