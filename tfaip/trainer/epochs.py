"""How many steps an epoch has."""

import logging

from tfaip.data.pipeline.datagenerator import DataGenerator, count_samples
from tfaip.errors import UsageError

logger = logging.getLogger(__name__)


def steps_per_epoch(
    generator: DataGenerator, *, batch_size: int, samples_per_epoch: int = -1, scale_epoch_size: float = 1
) -> int:
    """Return the number of batches in an epoch.

    Args:
        generator: The training generator.
        batch_size: Samples in a batch.
        samples_per_epoch: Samples in an epoch; below 0 it is the length of the generator.
        scale_epoch_size: Factor on that length; it has no effect on a given `samples_per_epoch`.

    Raises:
        UsageError: There is no whole batch in an epoch, or the arguments contradict each other.
    """
    if samples_per_epoch < 0:
        steps = _steps_of_generator(generator, batch_size, scale_epoch_size)
    else:
        steps = _steps_of_number(generator, batch_size, samples_per_epoch, scale_epoch_size)
    if steps <= 0:
        raise UsageError(
            f"An epoch of {len(generator)} samples times `--trainer.scale_epoch_size` {scale_epoch_size} has "
            f"no whole batch of {batch_size}. Set a smaller `--train.batch_size` or more samples."
        )
    return steps


def _steps_of_generator(generator: DataGenerator, batch_size: int, scale: float) -> int:
    length = count_samples(generator)
    if length <= 0:
        raise UsageError(
            f"The training data of `{type(generator).__name__}` are empty (its length is {length}). "
            "Look at the flags `--train...` that name them, or set `--trainer.samples_per_epoch`."
        )
    return generator.steps_per_epoch(batch_size, scale)


def _steps_of_number(generator: DataGenerator, batch_size: int, samples: int, scale: float) -> int:
    if generator.yields_batches():
        raise UsageError(
            f"`--trainer.samples_per_epoch` does not go with `{type(generator).__name__}`, which yields "
            "batches of its own. Leave it out, and use `--trainer.scale_epoch_size`."
        )
    if samples < batch_size:
        raise UsageError(
            f"`--trainer.samples_per_epoch` {samples} is less than one batch of {batch_size}. "
            "Set a smaller `--train.batch_size` or more samples."
        )
    if scale != 1:
        logger.warning("`scale_epoch_size` has no effect, because `samples_per_epoch` is given.")
    return samples // batch_size
