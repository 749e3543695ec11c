"""Write an export in another format: the file is loaded again and compared before it counts."""

import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfaip.errors import StorageError, UsageError
from tfaip.files import exchange_dir, flush_tree, replace_file
from tfaip.model.precision import computing_in_float32
from tfaip.scenario.comparison import ComparedSamples, Comparison, Function, entry, read_report, write_report
from tfaip.scenario.export import IN_MEMORY, SavedGraph, input_specs, taken
from tfaip.scenario.formats import CustomObjects, ExportFormat, first_line, load_saved_model
from tfaip.scenario.rebuilding import rebuilt_model

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """What a file in another format is compared with.

    Attributes:
        function: Returns outputs by name of arrays by name.
        name: What it is, for the report.
        samples: What both are run on.
        tolerance: The largest difference to accept; `None` accepts any.
    """

    function: Function
    name: str
    samples: ComparedSamples
    tolerance: float | None


def write_compared(
    model: keras.Model, form: ExportFormat, place: Path, reference: Reference, custom_objects: CustomObjects
) -> Comparison:
    """Write `model` to `place`, after the file was loaded and compared; return how it compared.

    Raises:
        UsageError: A package is missing, or the model can not be written in this format.
        StorageError: The file can not be loaded, or computes something else; `place` is as it was.
    """
    form.check_installed()
    if not place.parent.is_dir():
        raise UsageError(f"There is no folder `{place.parent}` to write `{place.name}` to.")
    for leftover in place.parent.glob(f".{place.name}.new.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.new.", dir=place.parent) as folder:
        # Exporters look at the end of the name.
        written = Path(folder) / f"{place.name.removesuffix(place.suffix)}{Path(form.file_name).suffix}"
        _write(model, form, written)
        specs = input_specs(model)
        export = _load(form, written, custom_objects)
        comparison = reference.samples.compare(
            lambda batch: reference.function(_arrays(batch, specs)),
            lambda batch: _renamed(_run(form, place, export, _arrays(batch, specs)), model),
            reference=reference.name,
            loaded_with=form.loaded_with,
            tolerance=reference.tolerance,
            packages=list(form.modules),
        )
        comparison.check(place)
        if written.is_dir():
            flush_tree(written)
            exchange_dir(written, place)
        else:
            replace_file(written, place)
    logger.info("Wrote `%s`; the largest difference to %s is %.3g", place, reference.name, _worst(comparison))
    return comparison


def convert_export(
    scenario: "ScenarioBase",
    export: Path,
    form: ExportFormat,
    samples: ComparedSamples,
    *,
    model: keras.Model | None = None,
    place: Path | None = None,
) -> Comparison:
    """Write the model of an export in another format, and note it in the report beside it.

    It is compared with the SavedModel of the export.

    Args:
        scenario: A new one, made from the params of the export.
        export: The folder of the export.
        form: The format.
        samples: What to compare on.
        model: The model with the weights of the export; `None`: it is built from the code.
        place: Where to write; `None`: into the export.
    """
    place = place or export / form.file_name
    serve = export / scenario.params.default_serve_dir
    reference = Reference(
        load_saved_model(serve, {}), f"{serve.name}/", samples, scenario.params.export_tolerance
    )
    model = model or rebuilt_model(scenario, serve)
    custom_objects = scenario.model.all_custom_objects()
    comparison = write_compared(model, form, place, reference, custom_objects)
    write_report(place.parent, {**read_report(place.parent), place.name: entry(comparison)})
    return comparison


def check_convertible(scenario: "ScenarioBase", graph: SavedGraph, form: ExportFormat) -> None:
    """Try a format out on a batch of zeros, before a training that shall write it starts.

    Raises:
        UsageError: It can not be written, or computes something else.
    """
    form.check_installed()
    samples = ComparedSamples()
    zeros = {key: value.numpy() for key, value in taken({"": [0]}, graph.input_specs).items()}
    samples.keep(zeros, "made-up")
    reference = Reference(graph.in_memory(), IN_MEMORY, samples, scenario.params.export_tolerance)
    with tempfile.TemporaryDirectory(prefix="tfaip-format-test-") as folder:
        try:
            place = Path(folder) / form.file_name
            write_compared(graph.keras_model, form, place, reference, scenario.model.all_custom_objects())
        except StorageError as error:
            raise UsageError(
                f"The prediction model cannot be exported as {form.name}, which "
                f"`--trainer.export_{form.name} True` asks for: {error}"
            ) from error


def _write(model: keras.Model, form: ExportFormat, path: Path) -> None:
    try:
        with computing_in_float32(model):
            form.write(model, path)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever an exporter does not know
        raise UsageError(
            f"The prediction model cannot be written as {form.name}: {type(error).__name__}: "
            f"{first_line(error)} Change that part of the graph, or choose another format."
        ) from error


def _load(form: ExportFormat, path: Path, custom_objects: CustomObjects) -> Function:
    try:
        return form.load(path, custom_objects)
    except StorageError:
        raise
    except Exception as error:
        raise _unusable(form, path, error) from error


def _run(form: ExportFormat, place: Path, export: Function, arrays: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return export(arrays)
    except Exception as error:
        raise _unusable(form, place, error) from error


def _unusable(form: ExportFormat, path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"`{path.name}` was written but cannot be used by {form.loaded_with}: {type(error).__name__}: "
        f"{first_line(error)} Change that part of the graph, or choose another format."
    )


def _renamed(outputs: Mapping[str, Any], model: keras.Model) -> Mapping[str, Any]:
    """Return outputs with the name that an only output without one has in tfaip."""
    is_named = isinstance(model.output, dict)
    return outputs if is_named or len(outputs) != 1 else {"output": next(iter(outputs.values()))}


def _arrays(batch: Mapping[str, Any], specs: dict[str, tf.TensorSpec]) -> dict[str, Any]:
    return {key: tensor.numpy() for key, tensor in taken(batch, specs).items()}


def _worst(comparison: Comparison) -> float:
    return max((one.difference for one in comparison.outputs.values()), default=0.0)
