import pytest

from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.datagenerator import RawDataGenerator
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import UsageError
from tfaip.trainer.epochs import steps_per_epoch


def generator(number):
    return RawDataGenerator(list(range(number)), PipelineMode.TRAINING, DataGeneratorParams())


class Batches(RawDataGenerator):
    def yields_batches(self):
        return True


@pytest.mark.parametrize(
    ("number", "batch", "samples", "scale", "steps"),
    [(100, 16, -1, 1, 6), (100, 16, -1, 2, 12), (100, 16, -1, 0.5, 3), (100, 16, 640, 1, 40)],
)
def test_an_epoch_has_the_steps_of_the_rule(number, batch, samples, scale, steps):
    got = steps_per_epoch(
        generator(number), batch_size=batch, samples_per_epoch=samples, scale_epoch_size=scale
    )

    assert got == steps


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"generator": generator(0), "batch_size": 4}, "are empty"),
        ({"generator": generator(3), "batch_size": 4}, "no whole batch of 4"),
        ({"generator": generator(9), "batch_size": 4, "samples_per_epoch": 3}, "less than one batch"),
    ],
)
def test_an_epoch_without_a_step_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        steps_per_epoch(**given)


def test_samples_per_epoch_does_not_go_with_a_generator_of_batches():
    batches = Batches([1, 2], PipelineMode.TRAINING, DataGeneratorParams())

    with pytest.raises(UsageError, match=r"samples_per_epoch.*yields\s+batches"):
        steps_per_epoch(batches, batch_size=1, samples_per_epoch=2)
