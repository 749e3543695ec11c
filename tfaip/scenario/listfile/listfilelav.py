"""LAV of list files: results of each list, and of all together."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.lav.callbacks.lav_callback import LAVCallback
from tfaip.lav.lav import LAV
from tfaip.lav.result import LAVResult
from tfaip.scenario.listfile.params import lists_of, with_each_list

logger = logging.getLogger(__name__)


class ListFileLAVCallback(LAVCallback):
    """Says which lists the results belong to."""

    def on_lav_end(self, result: dict[str, Any]) -> None:
        """Log the lists of the data set that is done, unless LAV is silent."""
        if not self.lav.params.silent:
            lists = lists_of(self.current_data_generator_params)
            logger.info("These are the results of %s.", ", ".join(lists) or "no list")


class ListFileLAV(LAV):
    """Validates lists: a data set of several lists gives the results of all together, then those of each.

    With `store_results` those of all are in `lav_results.json` beside the model, those of a list `val.lst` in
    `lav_results_val.json`.
    """

    _names: Sequence[str] = ()

    def run(
        self, generator_params: Iterable[DataGeneratorParams], *args: Any, **kwargs: Any
    ) -> Iterator[LAVResult]:
        """Yield the result of each data set; if there is but one, of several lists, also that of each list.

        The arguments are those of `LAV.run`.
        """
        data_sets = list(generator_params)
        if len(data_sets) == 1:
            data_sets = with_each_list(data_sets[0])
        self._names = result_names([lists_of(params) for params in data_sets])
        yield from super().run(data_sets, *args, **kwargs)

    def results_name(self, generator_params: DataGeneratorParams, index: int) -> str:
        """Return the name of the file for the results of the data set with this index."""
        return self._names[index]

    def _custom_callbacks(self) -> list[LAVCallback]:
        return [ListFileLAVCallback()]


def result_names(lists_of_data_sets: Sequence[Sequence[str]]) -> list[str]:
    """Return names of files for the results of data sets, each another.

    A data set of one list is called after that list, the first other one is simply `lav_results.json`.
    """
    names: list[str] = []
    for index, lists in enumerate(lists_of_data_sets):
        stem = f"lav_results_{Path(lists[0]).stem}" if len(lists) == 1 else "lav_results"
        name = f"{stem}.json"
        names.append(name if name not in names else f"{stem}_{index}.json")
    return names
