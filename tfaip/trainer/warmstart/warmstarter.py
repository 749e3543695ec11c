"""Start a training from the weights of another one."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from tfaip.trainer.warmstart.loaded_weights import LoadedWeights
from tfaip.trainer.warmstart.matching import (
    SUFFIX,
    Selection,
    WeightNameError,
    check_unique,
    is_weight,
    listed,
    ranked,
    renamed,
    select,
    trimmed,
    with_suffix,
    without_numbers,
)
from tfaip.trainer.warmstart.merging import Override, Part, graph_prefix, merge, shortened
from tfaip.trainer.warmstart.sources import open_weights
from tfaip.trainer.warmstart.target import TargetModel
from tfaip.trainer.warmstart.warmstart_params import WarmStartParams

TWSP = TypeVar("TWSP", bound=WarmStartParams)

logger = logging.getLogger(__name__)

Values = dict[str, np.ndarray]  # the new values by the full names in the model


class WarmStarter(Generic[TWSP]):
    """Loads weights into a model before its training.

    Subclasses may override `_trim`, `_transform_weight` and `apply_weights`. Return one of them from `create`
    of your own params, which are chosen by `--warmstart module:Class`, or from `create_warmstarter` of a
    trainer.
    """

    def __init__(self, params: TWSP, **kwargs: Any):
        if kwargs:
            raise TypeError(f"`{type(self).__name__}` got arguments that nobody took: {sorted(kwargs)}.")
        self._params = params

    @property
    def params(self) -> TWSP:
        """The params of the warm start."""
        return self._params

    def warmstart(self, target_model: Any, custom_objects: dict[str, type] | None = None) -> None:
        """Load what the params name into `target_model`; nothing if they name nothing.

        Args:
            target_model: A Keras model, traced, so that its weights exist.
            custom_objects: Not used: weights are read without the model that they were in.

        Raises:
            UsageError: A path holds no weights, or names or shapes do not fit.
            StorageError: A file is damaged.
            UntrustedError: A file carries code.
        """
        del custom_objects
        if not self._params.is_wanted:
            return
        target = TargetModel(target_model)
        values, report = self._merged(target) if self._params.is_merge else self._matched(target)
        self.apply_weights(target, [values.get(w.name, np.asarray(w)) for w in target.weights])
        for line in report:
            logger.info("%s", line)

    # ---- hooks

    def _trim(self, names: list[str]) -> list[str]:
        """Return the names of one side without what they begin with; called before each round of renaming.

        All names are given, for example `root/ToyGraph/hidden/kernel:0`; return as many, in the same order.
        """
        return trimmed(names) if self._params.trim_graph_name else names

    def _transform_weight(self, weight: np.ndarray, trainable_name: str, name: str) -> np.ndarray:
        """Return what goes into the model for a loaded value, that value unless overridden.

        Args:
            weight: The loaded value.
            trainable_name: The full name of the weight in the model.
            name: The name in the file after renaming.
        """
        return weight

    def apply_weights(self, target_model: Any, new_weights: Sequence[Any]) -> None:
        """Put the new values into the model; override it to change some of them, or to allow other shapes.

        Args:
            target_model: The model; its `weights` have full names, `root/ToyGraph/hidden/kernel:0`, and
                `assign`.
            new_weights: One value for each of `target_model.weights`; for weights that are not loaded it is
                the value that they have.
        """
        target_model.set_weights([np.asarray(value) for value in new_weights])

    # ---- one file

    def _matched(self, target: TargetModel) -> tuple[Values, list[str]]:
        """Return the new values from the file `model`, and lines for the log."""
        path = str(self._params.model)
        loaded = open_weights(path, f"--warmstart.model {path}")
        target_names = self._target_names(target)
        originals, names = self._loaded_names(loaded, target, target_names)
        selection = self._selected(target, target_names, loaded, originals, names)
        full_name = dict(zip(target_names, target.names, strict=True))
        original = dict(zip(names, originals, strict=True))
        read = loaded.read([original[name] for name in selection.pairs.values()])
        values = {
            full_name[own]: self._transform_weight(read[original[other]], full_name[own], other)
            for own, other in selection.pairs.items()
        }
        return values, [f"Warm start from {path}", *_report(selection), *_report_cold(selection.cold)]

    def _selected(
        self,
        target: TargetModel,
        target_names: list[str],
        loaded: LoadedWeights,
        originals: list[str],
        names: list[str],
    ) -> Selection:
        """Return the pairs of the same name; or all in order, if an export has only other names."""
        params = self._params
        patterns = {"include": params.include, "exclude": params.exclude}
        try:
            return select(target_names, names, allow_partial=params.allow_partial, **patterns)
        except WeightNameError as error:
            shapes = [tuple(weight.shape) for weight in target.weights]
            is_whole = not any(patterns.values()) and len(set(names)) == len(names)
            if not (loaded.is_ordered and is_whole and [loaded.shapes[o] for o in originals] == shapes):
                raise
            logger.warning("%s All shapes are the same, so the weights are loaded in their order.", error)
            return Selection.of(dict(zip(target_names, names, strict=True)), target_names, names)

    def _target_names(self, target: TargetModel) -> list[str]:
        rules = self._params.rename_targets
        return self._apply_renamings(self._apply_renamings(target.names, rules), rules)

    def _loaded_names(
        self, loaded: LoadedWeights, target: TargetModel, target_names: list[str]
    ) -> tuple[list[str], list[str]]:
        """Return the names in the file, and what they are called after renaming."""
        originals, names = self._read_names(loaded, target)
        names = self._apply_renamings(names, self._params.rename)
        names = self._apply_renamings(names, self._params.rename_targets)
        numbers = _names_by_number(target_names, target.positions)
        return originals, [numbers.get(name, name) for name in names]

    # ---- several files

    def _merged(self, target: TargetModel) -> tuple[Values, list[str]]:
        """Return the new values from `base` and the files of `override`, and lines for the log."""
        files = self._files(target)
        target_names = [self._auto_replace_numbers(name) for name in target.names]
        check_unique(target_names, "model")
        origins = merge(
            target_names,
            [file.part for file in files],
            self._params.exclude_keys,
            strict=self._params.strict,
            resolve=_short_names_by_number(target_names, target.positions).get,
        )
        full_name = dict(zip(target_names, target.names, strict=True))
        values: Values = {}
        report: list[str] = []
        for index, file in enumerate(files):
            pairs = {own: origin.name for own, origin in origins.items() if origin.part == index}
            report.append(f"Warm start of {file.part.key or 'the model'} from {file.part.path}")
            report += _report(Selection.of(pairs, [], file.part.names))
            read = file.loaded.read([file.original[name] for name in pairs.values()])
            for own, other in pairs.items():
                value = read[file.original[other]]
                values[full_name[own]] = self._transform_weight(value, full_name[own], other)
        return values, report + _report_cold([name for name in target_names if name not in origins])

    def _files(self, target: TargetModel) -> list["_File"]:
        params = self._params
        overrides = [Override.parse(text) for text in params.override]
        files = [
            self._file(o.key, o.path, f"--warmstart.override {o.key}={o.path}", target) for o in overrides
        ]
        if params.base is not None:
            files.insert(0, self._file("", params.base, f"--warmstart.base {params.base}", target))
        return files

    def _file(self, key: str, path: str, given: str, target: TargetModel) -> "_File":
        loaded = open_weights(path, given)
        originals, names = self._read_names(loaded, target)
        names = [self._auto_replace_numbers(self._replace_name(n, self._params.rename)) for n in names]
        check_unique(names, f"file `{path}`")
        return _File(Part(key, path, names), loaded, dict(zip(names, originals, strict=True)))

    # ---- names

    def _read_names(self, loaded: LoadedWeights, target: TargetModel) -> tuple[list[str], list[str]]:
        """Return the names in the file, and what they are before renaming."""
        suffix = self._params.add_suffix if loaded.is_checkpoint else ""
        originals = list(loaded.shapes)
        names = [with_suffix(name + suffix) for name in ranked(originals, target.is_automatic)]
        kept = [is_weight(name) for name in names]
        return (
            [name for name, is_kept in zip(originals, kept, strict=True) if is_kept],
            [name for name, is_kept in zip(names, kept, strict=True) if is_kept],
        )

    def _apply_renamings(self, names: Sequence[str], rename_params: Sequence[str]) -> list[str]:
        """Return the names after trimming, the text replacements, and without the numbers of some layers."""
        names = [self._replace_name(name, rename_params) for name in self._trim(list(names))]
        return [self._auto_replace_numbers(name) for name in names]

    @staticmethod
    def _replace_name(name: str, rename_rules: Sequence[str] | None = None) -> str:
        return renamed(name, rename_rules or [])

    def _auto_replace_numbers(self, name: str) -> str:
        return without_numbers(name, self._params.auto_remove_numbers_for)


@dataclass(frozen=True)
class _File:
    """A file for a part of the model, and the names in it by what they are called after renaming."""

    part: Part
    loaded: LoadedWeights
    original: dict[str, str]


def _names_by_number(names: Sequence[str], positions: Sequence[int]) -> dict[str, str]:
    """Return the names by those in files that only count the weights of a layer: `hidden/0:0`."""
    found = {}
    for name, position in zip(names, positions, strict=True):
        layer, slash, weight = name.removesuffix(SUFFIX).rpartition("/")
        mark = "".join(weight.partition("#")[1:])
        found[f"{layer}{slash}{position}{mark}{SUFFIX}"] = name
    return found


def _short_names_by_number(names: Sequence[str], positions: Sequence[int]) -> dict[str, str]:
    prefix = graph_prefix(names)
    numbered = _names_by_number(names, positions)
    return {shortened(number, prefix): shortened(name, prefix) for number, name in numbered.items()}


def _report(selection: Selection) -> list[str]:
    warm = list(selection.pairs)
    lines = [f"{len(warm)} weights are warm: {listed(warm)}"]
    if selection.unused:
        lines.append(f"{len(selection.unused)} loaded weights are not used: {listed(selection.unused)}")
    return lines


def _report_cold(names: Sequence[str]) -> list[str]:
    what = f"{len(names)} weights are cold, they keep their fresh values"
    return [f"{what}: {listed(names)}"] if names else []
