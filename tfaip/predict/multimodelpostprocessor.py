"""What several models say about a sample is post-processed for each of them, then they vote."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence

from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import DataError
from tfaip.predict.multimodelvoter import MultiModelVoter

PostProcessor = Callable[[Sample], Sample | None]


class MultiModelPostProcessor:
    """Turns samples whose `outputs` hold one entry for each model into voted ones."""

    def __init__(self, post_processors: Sequence[PostProcessor], voter: MultiModelVoter) -> None:
        """Prepare to vote.

        Args:
            post_processors: One for each model; each gets a copy of the sample of its own.
            voter: Decides.
        """
        self._post_processors = post_processors
        self._voter = voter

    def apply(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """Yield the voted samples, without those that the post-processing drops."""
        for sample in samples:
            voted = self.apply_on_sample(sample)
            if voted is not None:
                yield voted

    def apply_on_sample(self, sample: Sample) -> Sample | None:
        """Return the voted sample; None if the post-processing of a model drops it."""
        processed = []
        for outputs, post_process in zip(sample.outputs, self._post_processors, strict=True):
            # Processors may write into dicts of the sample.
            own = Sample(
                inputs=copy.copy(sample.inputs),
                outputs=outputs,
                targets=copy.copy(sample.targets),
                meta=copy.deepcopy(sample.meta),
            )
            processed.append(post_process(own))
        valid = [s for s in processed if s is not None]
        return self._voted(valid) if len(valid) == len(processed) else None

    def _voted(self, processed: Sequence[Sample]) -> Sample:
        together = Sample(
            inputs=processed[0].inputs,
            outputs=[sample.outputs for sample in processed],
            targets=processed[0].targets,
            meta=[sample.meta for sample in processed],
        )
        voted = self._voter.vote(together)
        if not isinstance(voted, Sample):
            raise DataError(
                f"`vote` of `{type(self._voter).__name__}` returned {type(voted).__name__}, a Sample is "
                "expected. Return `sample.new_outputs(...)`."
            )
        return self._voter.finalize_sample(voted)
