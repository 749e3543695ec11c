"""Predictors, models and processors for the tests of this folder."""

from dataclasses import dataclass, field

import keras
import numpy as np
from paiargparse import pai_dataclass

from tests.toy.points import points
from tests.toy.scenario import ToyScenario
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor
from tfaip.data.pipeline.processor.params import SequentialProcessorPipelineParams
from tfaip.predict.params import PredictorParams
from tfaip.predict.predictor import Predictor

# pyright: reportAttributeAccessIssue=false


def toy_keras_model(offset=0.0):
    """Return a model that doubles `x`, adds `offset`, and says how many rows its batch had."""
    x = keras.Input((3,), name="x")
    doubled = keras.layers.Rescaling(2.0, offset=offset)(x)
    rows = keras.layers.Lambda(
        lambda t: keras.ops.sum(keras.ops.ones_like(t), axis=0, keepdims=True) + 0 * t
    )(x)
    return keras.Model({"x": x}, {"y": doubled, "rows": rows})


@pai_dataclass
@dataclass
class PoisonParams(DataProcessorParams):
    """Which inputs (by the first value) raise, and which vanish."""

    raises: float = 1e9
    drops: float = 1e9
    created: list = field(default_factory=list)

    @staticmethod
    def cls():
        return Poison


class Poison(MappingDataProcessor[PoisonParams]):
    """Fails at some inputs."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        CREATED.append(self)

    def apply(self, sample):
        first = sample.inputs["x"][0]
        if first == self.params.raises:
            raise ValueError("poison")
        return sample.new_invalid() if first == self.params.drops else sample


CREATED = []


@pai_dataclass
@dataclass
class SumParams(DataProcessorParams):
    """Post-processing."""

    @staticmethod
    def cls():
        return Sum


class Sum(MappingDataProcessor[SumParams]):
    """Adds the sum of `y` to the outputs, and writes into the meta data in place."""

    def apply(self, sample):
        sample.meta["summed"] = sample.meta.get("summed", 0) + 1
        return sample.new_outputs({**sample.outputs, "sum": float(sample.outputs["y"].sum())})


def toy_data(pre=(), post=()):
    data = ToyScenario.create_data(ToyScenario(ToyScenario.default_params()))
    data.params.pre_proc = SequentialProcessorPipelineParams(run_parallel=False, processors=list(pre))
    data.params.post_proc = SequentialProcessorPipelineParams(run_parallel=False, processors=list(post))
    return data


def predictor_params(**kwargs):
    pipeline = {key: kwargs.pop(key) for key in ("batch_size", "prefetch", "limit") if key in kwargs}
    params = PredictorParams(**{"silent": True, "progress_bar": False, **kwargs})
    for key, value in pipeline.items():
        setattr(params.pipeline, key, value)
    return params


def toy_predictor(model=None, *, pre=(), post=(), cls=Predictor, **kwargs):
    predictor = cls(predictor_params(**kwargs), toy_data(pre, post))
    predictor.set_model(model or toy_keras_model())
    return predictor


def inputs(number, first=0):
    return [{"x": np.full(3, i, "float32")} for i in range(first, first + number)]


def labelled(number):
    return points(0, number)
