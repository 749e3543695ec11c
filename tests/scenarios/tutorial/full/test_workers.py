"""The tutorial with a random augmentation learns the same with any number of workers, bit for bit."""

import gc
import os
import random
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from paiargparse import pai_dataclass

from scenarios.tutorial.full.scenario import FullScenario
from tests.workers.jobs import Footprint, children
from tfaip.data.pipeline import passes
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor


@pai_dataclass
@dataclass
class ShiftParams(DataProcessorParams):
    @staticmethod
    def cls() -> Any:
        return Shift


class Shift(MappingDataProcessor[ShiftParams]):
    """Shifts an image at random and adds noise."""

    def apply(self, sample: Sample) -> Sample:
        image = np.roll(sample.inputs["img"], random.choice([-1, 0, 1]), axis=np.random.randint(2))
        noise = self.random_generator.normal(0, 0.1, image.shape).astype(image.dtype)
        return sample.new_inputs({"img": image + noise})


def params_with(num_workers, **kwargs):
    params = FullScenario.default_trainer_params()
    processors = params.scenario.data.pre_proc
    processors.run_parallel = num_workers > 0
    processors.processors.append(ShiftParams(modes={PipelineMode.TRAINING}))
    for setup in (params.gen.setup.train, params.gen.setup.val):
        setup.num_processes = max(1, num_workers)
        setup.limit = 200
    params.random_seed, params.epochs = 3, 2
    params.export_best = params.export_final = False
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


def weights_after_training(num_workers):
    trainer = FullScenario.create_trainer(params_with(num_workers))
    trainer.train()
    return [variable.numpy() for variable in trainer.scenario.root_graph.weights]


@pytest.mark.slow
def test_weights_are_the_same_for_any_number_of_workers():
    expected = weights_after_training(0)

    for num_workers in (1, 2, 4):
        found = weights_after_training(num_workers)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


EPOCHS = int(os.environ.get("TEST_EPOCHS", "100"))


def counts():
    """Return how many children, descriptors and threads there are, and the memory in MiB."""
    gc.collect()
    with open("/proc/self/statm") as file:
        memory = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return len(children()), len(os.listdir("/proc/self/fd")), threading.active_count(), round(memory)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_a_hundred_epochs_of_training_and_validation_leave_nothing_behind(monkeypatch, capsys):
    monkeypatch.setattr(passes, "_PARKING_SECONDS", 0.1)  # so that workers are started anew in each epoch
    params = params_with(2)
    data = FullScenario(params.scenario).data
    footprint = Footprint()
    found = []
    streams, datasets = [], []
    for pipeline in (params.gen.train_data(data), params.gen.val_data(data)):
        streams.append(pipeline.batch_stream(auto_repeat=False, random_seed=1))
        datasets.append(pipeline.dataset_of_stream(streams[-1]))
    for epoch in range(EPOCHS):
        for dataset in datasets:
            assert sum(1 for _ in dataset) == 13
        threading.Event().wait(0.2)
        if epoch % (EPOCHS // 10) == 0:
            threading.Event().wait(2)
            found.append(counts())
    for stream in streams:
        stream.close()
    with capsys.disabled():
        for number, numbers in enumerate(found):
            print(f"after {number}/10: children, descriptors, threads, MiB = {numbers}")  # noqa: T201

    assert found[1][:3] == found[-1][:3]
    assert found[-1][3] - found[1][3] < EPOCHS / 10  # below 1 MiB per 10 epochs
    assert not [what for what in footprint.left_behind() if any(isinstance(x, int) for x in what)]
