import numpy as np
import pytest

from tests.data.toy import ToyGenerator, numbers
from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.datagenerator import RawDataGenerator, count_samples
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import UsageError


def raw(data, mode):
    return RawDataGenerator(data, mode, DataGeneratorParams())


@pytest.mark.parametrize(("batch_size", "scale", "steps"), [(4, 1, 2), (4, 2, 5), (11, 1, 0)])
def test_steps_per_epoch_counts_full_batches(batch_size, scale, steps):
    assert ToyGenerator(numbers(10), PipelineMode.TRAINING).steps_per_epoch(batch_size, scale) == steps


def test_samples_in_memory_are_shuffled_in_training_only():
    data = list(range(20))

    assert list(raw(data, PipelineMode.EVALUATION).generate()) == data
    shuffled = list(raw(data, PipelineMode.TRAINING).generate())
    assert shuffled != data
    assert sorted(shuffled) == data == list(range(20))


def test_shuffling_can_be_switched_off():
    generator = raw(list(range(20)), PipelineMode.TRAINING)
    generator.shuffle = False

    assert list(generator.generate()) == list(range(20))


def test_the_order_depends_on_the_seed_not_on_earlier_passes():
    generator = raw(list(range(20)), PipelineMode.TRAINING)

    np.random.seed(1)
    first = list(generator.generate())
    second = list(generator.generate())
    np.random.seed(1)

    assert list(generator.generate()) == first != second


def test_samples_are_counted():
    assert count_samples(raw([1, 2], PipelineMode.TRAINING)) == 2


@pytest.mark.parametrize("promised", [-1, 3.5, None])
def test_a_length_that_is_no_number_names_the_generator(promised):
    generator = ToyGenerator([], PipelineMode.TRAINING, promised=promised)
    if promised is None:
        generator.samples = iter([])  # type: ignore[assignment]

    with pytest.raises(UsageError, match=r"`len\(\)` of the generator `ToyGenerator` failed with \w+Error"):
        count_samples(generator)
