"""The lines of list files as samples."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from tfaip.data.pipeline.datagenerator import DataGenerator
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.errors import UsageError
from tfaip.scenario.listfile.listfiles import read_lists
from tfaip.scenario.listfile.params import ListsFileGeneratorParams

_DRAWN_TOGETHER = 1024  # drawing one by one takes ten times as long


class ListsFileDataGenerator(DataGenerator[ListsFileGeneratorParams]):
    """Yields the entries of list files as inputs and as targets; processors make of them what they need.

    In training it never ends: each sample comes from a list drawn with the probability of its ratio, and each
    list is given in a new order before it begins anew. In other modes it yields all lists once, in order.
    """

    def __init__(self, mode: PipelineMode, params: ListsFileGeneratorParams) -> None:
        super().__init__(mode, params)
        self._lists = read_lists(
            params.lists or [], ignore_prefix=params.ignore_prefix, check_files=params.check_files
        )

    def __len__(self) -> int:
        """Return the number of entries in all lists."""
        return sum(map(len, self._lists))

    def generate(self) -> Iterator[Sample]:
        """Return the samples; in training without end."""
        entries = self._drawn(self._ratios()) if self.is_endless() else chain.from_iterable(self._lists)
        return map(_sample, entries)

    def is_endless(self) -> bool:
        """Return whether this is a training."""
        return self.mode == PipelineMode.TRAINING

    def _drawn(self, ratios: Sequence[float]) -> Iterator[str]:
        sources = [_shuffled_again_and_again(entries) for entries in self._lists]
        if len(sources) == 1:
            yield from sources[0]
        while True:
            for number in np.random.choice(len(sources), _DRAWN_TOGETHER, p=ratios).tolist():
                yield next(sources[number])

    def _ratios(self) -> Sequence[float]:
        """Return the probability of each list; refuse lists that could never give an entry."""
        lists, ratios = self.params.lists or [], self.params.ratios
        if not lists:
            raise UsageError("There are no training lists. Name some with `--train.lists`.")
        for path, entries, ratio in zip(lists, self._lists, ratios, strict=True):
            if ratio and not entries:
                raise UsageError(
                    f"The training list `{path}` holds no entry. Remove it from `--train.lists`, or look at "
                    "`--train.ignore_prefix`."
                )
        return [ratio / sum(ratios) for ratio in ratios]


def _sample(entry: str) -> Sample:
    return Sample(inputs=entry, targets=entry, meta={"id": entry})


def _shuffled_again_and_again(entries: Sequence[str]) -> Iterator[str]:
    while True:
        yield from map(entries.__getitem__, np.random.permutation(len(entries)).tolist())
