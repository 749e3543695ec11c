"""Show samples in readable form."""

import logging

from tfaip.data.pipeline.definitions import Sample
from tfaip.lav.callbacks.lav_callback import LAVCallback

logger = logging.getLogger(__name__)


class PrintCallback(LAVCallback):
    """Print each sample by `_print_evaluate` of the model; without a model, its targets and outputs."""

    def on_sample_end(self, sample: Sample) -> None:
        """Print the sample."""
        if self.model is None:
            logger.info("targets: %s, outputs: %s", sample.targets, sample.outputs)
        else:
            self.model.print_evaluate(sample, self.data, print_fn=logger.info)
