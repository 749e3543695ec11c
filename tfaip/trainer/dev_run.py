"""A short run through every phase of a training, which leaves nothing behind."""

import logging

from tfaip.errors import UsageError
from tfaip.trainer.params import TrainerParams

logger = logging.getLogger(__name__)


def shorten(params: TrainerParams, output_dir: str, *, restore: bool) -> None:
    """Let `params` describe one epoch of few batches with validation, LAV and both exports.

    Args:
        params: With `fast_dev_run`, the number of batches of each phase; they are changed.
        output_dir: Takes the place of the one that was given, which is not touched.
        restore: Whether this is a resume.

    Raises:
        UsageError: It is; nothing of a training is read.
    """
    if restore:
        raise UsageError("`--trainer.fast_dev_run` does not resume a training. Leave it out.")
    batches = params.fast_dev_run
    logger.info("A short run: %d batches of training, validation and LAV; exports are removed.", batches)
    params.output_dir = output_dir
    params.epochs, params.max_steps = params.current_epoch + 1, 0
    params.val_every_n = params.lav_every_n = 1
    params.val_every_n_steps = params.lav_min_epoch = 0
    params.export_best = params.export_final = True
    validation = params.gen.setup.val
    samples = batches * validation.batch_size
    validation.limit = samples if validation.limit <= 0 else min(validation.limit, samples)
