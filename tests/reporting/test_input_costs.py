import time
from dataclasses import dataclass

import pytest
from paiargparse import pai_dataclass

from tests.data.toy import (
    AddParams,
    DropParams,
    EndlessGenerator,
    ToyGenerator,
    numbers,
    pipeline,
)
from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.processor.dataprocessor import (
    DataProcessorParams,
    GeneratingDataProcessor,
    MappingDataProcessor,
)
from tfaip.data.pipeline.tfdatasetgenerator import TFDatasetGenerator
from tfaip.reporting.input_costs import Cost, InputCosts, Part, measure_costs


@pai_dataclass
@dataclass
class SlowParams(DataProcessorParams):
    seconds: float = 0.002

    @staticmethod
    def cls():
        return Slow


class Slow(MappingDataProcessor[SlowParams]):
    """Takes its time."""

    def apply(self, sample):
        time.sleep(self.params.seconds)
        return sample


@pai_dataclass
@dataclass
class SlowPairsParams(DataProcessorParams):
    @staticmethod
    def cls():
        return SlowPairs


class SlowPairs(GeneratingDataProcessor[SlowPairsParams]):
    """Takes two samples, waits, gives one."""

    def generate(self, samples):
        source = iter(samples)
        for sample in source:
            next(source)
            time.sleep(0.004)
            yield sample


class SlowGenerator(ToyGenerator):
    """Waits before each sample."""

    def generate(self):
        for sample in super().generate():
            time.sleep(0.001)
            yield sample


def measured(toy, seconds=0.2):
    costs = measure_costs(toy, seconds=seconds)
    return costs, {cost.name: cost.seconds for cost in costs.costs}


def test_each_part_has_its_own_time():
    toy = pipeline(
        lambda mode: SlowGenerator(numbers(10), mode),
        SlowParams(),
        AddParams(),
        SlowPairsParams(),
        batch_size=4,
    )

    costs, seconds = measured(toy)

    assert [cost.part for cost in costs.costs] == [
        Part.GENERATOR,
        *[Part.PROCESSOR] * 3,
        Part.BATCHING,
        Part.TENSORFLOW,
    ]
    assert list(seconds) == ["SlowGenerator", "Slow", "Add", "SlowPairs", "BatchBuilder", "tf.data"]
    # Two generated samples make one that is delivered; sleep takes longer than asked, by how much depends.
    assert seconds["SlowGenerator"] >= 0.002
    assert seconds["Slow"] >= 0.004
    assert seconds["SlowPairs"] >= 0.004
    assert max(seconds["Add"], seconds["BatchBuilder"]) < 0.002
    assert costs.num_samples >= 4


def test_processors_of_one_class_are_told_apart():
    toy = pipeline(numbers(4), SlowParams(seconds=0.001), SlowParams(seconds=0.003), batch_size=2)

    costs, _ = measured(toy)

    first, second = [cost.seconds for cost in costs.costs if cost.part == Part.PROCESSOR]
    assert 0.001 <= first < second
    assert second >= 0.003


def test_lists_of_a_generator_and_endless_generators_are_measured():
    lists = pipeline(lambda mode: ToyGenerator(numbers(7), mode, batch_size=3), AddParams())
    endless = pipeline(lambda mode: EndlessGenerator(mode, DataGeneratorParams()), batch_size=3)

    assert measured(lists, 0.02)[0].num_samples > 0
    assert measured(endless, 0.02)[0].num_samples > 0


def test_without_a_sample_there_are_no_costs():
    assert measured(pipeline(numbers(3), DropParams()))[0] == InputCosts((), 0)


def test_what_a_scenario_does_with_tensorflow_is_not_measured():
    class Custom(TFDatasetGenerator):
        def _transform(self, dataset):
            return dataset

    toy = pipeline(numbers(4), AddParams(), batch_size=2)
    toy._create_tf_dataset_generator = lambda: Custom(toy)
    toy._custom_transform = lambda: Custom(toy).transform

    assert [cost.part for cost in measured(toy, 0.01)[0].costs] == [Part.GENERATOR, Part.PROCESSOR]


def test_costs_of_parts_are_summed_up():
    costs = InputCosts(
        (Cost(Part.GENERATOR, "A", 1), Cost(Part.PROCESSOR, "B", 2), Cost(Part.PROCESSOR, "C", 4)), 1
    )

    assert costs.of() == 7
    assert costs.of(Part.PROCESSOR) == 6
    assert costs.of(Part.PROCESSOR, Part.GENERATOR) == 7
    assert costs.of(Part.BATCHING) == pytest.approx(0)
