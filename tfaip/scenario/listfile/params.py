"""Params of scenarios whose samples are the lines of list files."""

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, List, Optional, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.errors import UsageError
from tfaip.params.checks import check_number
from tfaip.trainer.params import TrainerPipelineParams

if TYPE_CHECKING:
    from tfaip.scenario.listfile.datagenerator import ListsFileDataGenerator


@pai_dataclass
@dataclass
class ListsFileGeneratorParams(DataGeneratorParams):
    """Which list files are read, and how often each is drawn from in training."""

    lists: Optional[List[str]] = field(
        default_factory=list,
        metadata=pai_meta(help="Text files with one entry a line, UTF-8."),
    )
    list_ratios: Optional[List[float]] = field(
        default=None,
        metadata=pai_meta(
            help="For each list how often training draws from it, relative to the others; None: all equally."
        ),
    )
    ignore_prefix: Optional[str] = field(
        default="#",
        metadata=pai_meta(help="Lines that begin with it are skipped; None: no line is."),
    )
    check_files: Optional[bool] = field(
        default=None,
        metadata=pai_meta(
            help="Whether every entry must be an existing file. None: it must if others are, or if all look "
            "like file names, in lists of up to 200,000 entries."
        ),
    )

    @staticmethod
    def cls() -> "Type[ListsFileDataGenerator]":
        """Return the generator of these params."""
        from tfaip.scenario.listfile.datagenerator import ListsFileDataGenerator

        return ListsFileDataGenerator

    def __post_init__(self) -> None:
        """Refuse ratios that do not go with the lists."""
        ratios, number = self.list_ratios, len(self.lists or [])
        if ratios is None:
            return
        if len(ratios) != number:
            raise UsageError(
                f"`list_ratios` must hold one number for each of the {number} `lists`, got {ratios}. "
                "Correct `--train.list_ratios`, or leave it out to draw from all lists equally."
            )
        for ratio in ratios:
            check_number("--train.list_ratios", ratio, at_least=0)
        if number and not any(ratios):
            raise UsageError("`--train.list_ratios` are all 0: give one list at least more.")

    @property
    def ratios(self) -> List[float]:
        """One number for each list; all equal unless they were given."""
        return list(self.list_ratios) if self.list_ratios else [1.0] * len(self.lists or [])


@pai_dataclass
@dataclass
class LAVListsParams:
    """Which list files are validated by LAV during a training."""

    lists: List[str] = field(
        default_factory=list,
        metadata=pai_meta(
            help="List files for LAV during the training, each with results of its own; none: those of the "
            "validation."
        ),
    )


@pai_dataclass
@dataclass
class ListFileTrainerPipelineParams(
    TrainerPipelineParams[ListsFileGeneratorParams, ListsFileGeneratorParams]
):
    """Lists to train on, to validate on, and for LAV."""

    lav: LAVListsParams = field(
        default_factory=LAVListsParams,
        metadata=pai_meta(fix_dc=True, mode="flat", help="The lists of LAV."),
    )

    def val_gen(self) -> Optional[ListsFileGeneratorParams]:
        """Return the validation lists; without any there is no validation."""
        return self.val if self.val.lists else None

    def lav_gen(self) -> List[ListsFileGeneratorParams]:
        """Return what LAV reads: all lists together, then, if there are several, each on its own."""
        lists = self.lav.lists or self.val.lists
        if not lists:
            return []
        return with_each_list(dataclasses.replace(self.val, lists=list(lists), list_ratios=None))


def lists_of(generator_params: Any) -> List[str]:
    """Return the lists of a generator; none if it reads something else."""
    return list(getattr(generator_params, "lists", None) or [])


def with_each_list(generator_params: Any) -> List[Any]:
    """Return the params of a generator, and if it reads several lists also params for each of them."""
    lists = lists_of(generator_params)
    if len(lists) < 2:
        return [generator_params]
    each = [dataclasses.replace(generator_params, lists=[name], list_ratios=None) for name in lists]
    return [generator_params, *each]
