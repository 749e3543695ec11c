"""A voter: the outputs of several models become one."""

from abc import ABC, abstractmethod

from tfaip.data.pipeline.definitions import Sample


class MultiModelVoter(ABC):
    """Decides between the outputs of several models, sample by sample.

    `MultiModelPredictor.create_voter` makes one at the start of each prediction.
    """

    @abstractmethod
    def vote(self, sample: Sample) -> Sample:
        """Return the sample with the common outputs.

        Args:
            sample: Its `outputs` and `meta` are lists with one entry for each model, in the order of the
                models and after the post-processing of each; `inputs` and `targets` are those of the first.
        """
        raise NotImplementedError

    def finalize_sample(self, sample: Sample) -> Sample:
        """Return what is yielded for a sample after the vote; called in order, in the main process."""
        return sample
