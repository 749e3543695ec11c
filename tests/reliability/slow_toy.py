"""The toy, resting in the phase that the environment variable `REST_IN` names: signals find it there."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import keras
from paiargparse import pai_dataclass

from tests.toy.model import ToyGraph
from tests.toy.params import ToyGeneratorParams, ToyModelParams
from tests.toy.scenario import ToyScenario
from tfaip.data.pipeline.datagenerator import RawDataGenerator
from tfaip.data.pipeline.definitions import PipelineMode

_SECONDS = 20
_SECONDS_FOR_A_SAMPLE = 0.05


def rest(phase: str, seconds: float = _SECONDS) -> None:
    """Rest if this is the phase; a file named by `REST_FILE` says that it has begun."""
    if os.environ.get("REST_IN") == phase:
        Path(os.environ["REST_FILE"]).touch()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.01)


class RestingGenerator(RawDataGenerator):
    """Samples of the toy that take their time; the passes over those of the validation are counted."""

    passes = 0

    def generate(self):
        if self.mode == PipelineMode.TRAINING:
            phase = "preload"
        else:
            type(self).passes += 1
            phase = {1: "validation", 2: "lav"}.get(self.passes, "")
        for number, sample in enumerate(super().generate()):
            rest(phase, _SECONDS_FOR_A_SAMPLE)
            if self.mode == PipelineMode.TRAINING and number >= 10:
                rest("step", _SECONDS_FOR_A_SAMPLE)
            yield sample


@pai_dataclass
@dataclass
class RestingGeneratorParams(ToyGeneratorParams):
    """Makes samples that take their time."""

    @staticmethod
    def cls():
        return RestingGenerator

    def create(self, mode: PipelineMode) -> RestingGenerator:
        from tests.toy.points import points

        return RestingGenerator(points(self.first_id, self.number), mode, self)


class RestingGraph(ToyGraph):
    """Rests while it is traced."""

    def build_graph(self, inputs, training=None):
        rest("trace")
        return super().build_graph(inputs, training=training)


@pai_dataclass
@dataclass
class RestingModelParams(ToyModelParams):
    """The toy's model with that graph."""

    def graph_cls(self):
        return RestingGraph


class RestingScenario(ToyScenario):
    """Rests while it exports, too."""

    @classmethod
    def default_trainer_params(cls):
        params = super().default_trainer_params()
        params.gen.train = RestingGeneratorParams()
        params.gen.val = RestingGeneratorParams(first_id=1000, number=20)
        params.scenario.model = RestingModelParams()
        return params

    def export(self, path, *args, **kwargs):
        rest(f"export to {Path(path).name}")
        return super().export(path, *args, **kwargs)


class GoesElsewhere(keras.callbacks.Callback):
    """Changes the working directory after the first epoch."""

    def on_epoch_end(self, epoch, logs=None):
        os.chdir(os.environ["ELSEWHERE"])


class SlowDisk(keras.callbacks.Callback):
    """Lets each flush take a while."""

    def on_train_begin(self, logs=None):
        flush = os.fsync
        os.fsync = lambda handle: (time.sleep(0.3), flush(handle))[1]


class FailsInEpoch3(keras.callbacks.Callback):
    """A mistake in a callback."""

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2:
            raise RuntimeError("a mistake of the user")

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
