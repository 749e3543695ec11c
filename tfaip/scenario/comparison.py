"""Does an export compute what the model computes: outputs beside each other, and the report about it."""

import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from tfaip.errors import StorageError, UsageError
from tfaip.files import parse_json, write_json
from tfaip.version import __version__

logger = logging.getLogger(__name__)

REPORT = "comparison.json"
FORMAT = 1
NUM_SAMPLES = 32  # enough to meet most branches of a graph, few enough for any model
_PACKAGES = ("numpy", "tensorflow", "keras")

Tensors = Mapping[str, Any]
Function = Callable[[Tensors], Tensors]


@dataclass(frozen=True)
class Difference:
    """How far an output of an export is from that of the model.

    Attributes:
        dtype: Its type in the export; empty if the export lacks it.
        shape: The shape of a sample's output in the first batch.
        largest_difference: Of floats, the largest one; of anything else, how many elements differ.
        difference: Of floats, the largest difference divided by the largest value or by 1; of anything else,
            the share of elements that differ; infinite if the two can not be compared.
        problem: Why they can not be compared.
    """

    dtype: str
    shape: list[int]
    largest_difference: float
    difference: float
    problem: str = ""


@dataclass(frozen=True)
class Comparison:
    """What came out when an export was loaded and run beside the model.

    Attributes:
        loaded_with: The program that loaded it.
        reference: What it was compared with.
        samples: Where the samples came from.
        num_samples: How many there were; the first is also computed alone.
        tolerance: The largest difference that is accepted; `None` accepts all.
        outputs: The differences by output.
        versions: The programs.
    """

    loaded_with: str
    reference: str
    samples: str
    num_samples: int
    tolerance: float | None
    outputs: dict[str, Difference]
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> dict[str, Difference]:
        """The outputs that are too far apart."""
        if self.tolerance is None:
            return {}
        return {key: one for key, one in self.outputs.items() if not one.difference <= self.tolerance}

    def check(self, export: Path | str) -> None:
        """Refuse the export if it computes something else.

        Raises:
            StorageError: It does; the message names the outputs.
        """
        if not self.refused:
            return
        for key, one in self.outputs.items():
            logger.error("`%s` of `%s`: difference %.3g %s", key, export, one.difference, one.problem)
        told = ", ".join(f"`{key}` ({_told(one)})" for key, one in sorted(self.refused.items()))
        raise StorageError(
            f"`{export}`, loaded with {self.loaded_with}, computes something else than {self.reference} on "
            f"{self.num_samples} {self.samples} samples: {told}; accepted is {self.tolerance:g}. It was not "
            "kept. Look for operations in the prediction graph that are random, keep a state or depend on "
            "how they are run, or accept more with `--scenario.export_tolerance`."
        )


def _told(difference: Difference) -> str:
    return difference.problem or f"difference {difference.difference:.3g}"


class ComparedSamples:
    """The samples on which exports are compared: the first ones that a training validates on."""

    def __init__(self) -> None:
        self.source = ""
        self.batches: list[dict[str, Any]] = []

    def keep(self, values: Tensors, source: str) -> None:
        """Take the first samples of a batch, arrays by name, unless there are some."""
        batched = {key: value for key, value in values.items() if np.ndim(value) > 0}
        if self.batches or not batched:
            return
        first = {key: np.asarray(value)[:NUM_SAMPLES] for key, value in batched.items()}
        number = len(next(iter(first.values())))
        if number == 0:
            return
        self.source = source
        self.batches.append(first)
        if number > 1:  # whether the size of a batch makes a difference
            self.batches.append({key: value[:1] for key, value in first.items()})

    @property
    def num_samples(self) -> int:
        """How many there are."""
        return len(next(iter(self.batches[0].values()))) if self.batches else 0

    def compare(
        self,
        model: Function,
        export: Function,
        *,
        reference: str,
        loaded_with: str,
        tolerance: float | None,
        packages: Sequence[str] = (),
    ) -> Comparison:
        """Run both on the samples.

        Args:
            model: What is right.
            export: What was written and loaded.
            reference: What `model` is, for the report.
            loaded_with: How `export` was loaded, for the report.
            tolerance: The largest difference to accept.
            packages: The distributions that loaded it, besides TensorFlow and Keras.
        """
        for batch in self.batches[:1]:
            export(batch)  # Once more than the model, so that what keeps a state, or draws numbers, differs.
        expected = [_arrays(model(batch)) for batch in self.batches]
        got = [_arrays(export(batch)) for batch in self.batches]
        versions = {name: metadata.version(name) for name in (*_PACKAGES, *packages)}
        return Comparison(
            loaded_with=loaded_with,
            reference=reference,
            samples=self.source,
            num_samples=self.num_samples,
            tolerance=tolerance,
            outputs=differences(expected, got),
            versions={"tfaip": __version__, "python": platform.python_version(), **versions},
        )


def differences(expected: Sequence[Tensors], got: Sequence[Tensors]) -> dict[str, Difference]:
    """Return how far apart the outputs of several batches are, by name."""
    names = sorted({name for batch in (*expected, *got) for name in batch})
    return {
        name: _worst([_difference(a.get(name), b.get(name)) for a, b in zip(expected, got, strict=True)])
        for name in names
    }


def _worst(found: Sequence[Difference]) -> Difference:
    worst = max(found, key=lambda one: one.difference)
    largest = max(one.largest_difference for one in found)
    return Difference(worst.dtype, found[0].shape, largest, worst.difference, worst.problem)


def _difference(expected: np.ndarray | None, got: np.ndarray | None) -> Difference:
    if expected is None:
        return _incomparable(got, "the model has no such output")
    if got is None:
        return _incomparable(None, "it is missing")
    if expected.shape != got.shape:
        return _incomparable(got, f"the shape is {got.shape}, not {expected.shape}")
    if _kind(expected) != _kind(got):
        return _incomparable(got, f"the type is {got.dtype}, not {expected.dtype}")
    number, share = _of_floats(expected, got) if _kind(got) == "f" else _of_others(expected, got)
    return Difference(str(got.dtype), list(got.shape[1:]), number, share)


def _incomparable(got: np.ndarray | None, problem: str) -> Difference:
    dtype, shape = ("", []) if got is None else (str(got.dtype), list(got.shape[1:]))
    return Difference(dtype, shape, float("inf"), float("inf"), problem)


def _of_floats(expected: np.ndarray, got: np.ndarray) -> tuple[float, float]:
    """Return the largest difference, and its ratio to the largest value; infinite if NaNs differ."""
    one, other = expected.astype("float64"), got.astype("float64")
    is_finite = np.isfinite(one)
    if not np.array_equal(one[~is_finite], other[~is_finite], equal_nan=True):
        return float("inf"), float("inf")
    if not np.isfinite(other[is_finite]).all():
        return float("inf"), float("inf")
    largest = float(np.max(np.abs(one[is_finite] - other[is_finite]), initial=0.0))
    return largest, largest / max(1.0, float(np.max(np.abs(one[is_finite]), initial=0.0)))


def _of_others(expected: np.ndarray, got: np.ndarray) -> tuple[float, float]:
    """Return how many elements differ, and their share."""
    number = int(np.count_nonzero(expected != got))
    return float(number), number / max(1, expected.size)


def _kind(array: np.ndarray) -> str:
    """Return what an array holds: floats, integers, truth or text; their sizes may differ."""
    if array.dtype.name == "bfloat16":
        return "f"
    return {"u": "i", "S": "O", "U": "O"}.get(array.dtype.kind, array.dtype.kind)


def _arrays(tensors: Tensors) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in tensors.items()}


# ---- the report


def read_report(folder: Path) -> dict[str, Any]:
    """Return the report of an export: what was found out about each of its graphs; empty if there is none.

    Raises:
        UsageError: It was written by a later version.
    """
    path = folder / REPORT
    try:
        report = parse_json(path.read_text(encoding="utf-8"))
        graphs, version = dict(report["graphs"]), int(report["format"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError):
        logger.warning("`%s` is damaged; it is written anew.", path)
        return {}
    if version > FORMAT:
        raise UsageError(f"`{path}` has format {version}, this version of tfaip reads up to {FORMAT}.")
    return graphs


def write_report(folder: Path, graphs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write what was found out about the graphs of an export, by their paths in it."""
    write_json(folder / REPORT, {"format": FORMAT, "graphs": dict(graphs)})


def entry(comparison: Comparison) -> dict[str, Any]:
    """Return an entry of the report: the outputs were compared."""
    return {"compared": "outputs", **asdict(comparison)}


def entry_of_weights(num_weights: int, earlier: Comparison) -> dict[str, Any]:
    """Return an entry of the report: only the weights were, of a graph whose outputs once were."""
    return {
        "compared": "weights",
        "num_weights": num_weights,
        "outputs_of_an_earlier_export": asdict(earlier),
    }
