"""The formats besides the SavedModel that a training writes its exports in, at its end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfaip.errors import UsageError
from tfaip.scenario.conversion import check_convertible, convert_export
from tfaip.scenario.export import compared_samples
from tfaip.scenario.formats import FORMATS, ExportFormat
from tfaip.trainer.params import TrainerParams

if TYPE_CHECKING:
    from tfaip.scenario.export import SavedGraph
    from tfaip.scenario.scenariobase import ScenarioBase


class FurtherFormats:
    """Writes `model.onnx` and the like into the exports of a training, when it is done.

    Not with each better model, since conversion takes longer than an epoch may. An export takes the files
    that were made from it away with it, so those that are there belong to the model beside them.
    """

    def __init__(self, params: TrainerParams):
        self._params = params

    def check(self, scenario: "ScenarioBase[Any, Any]", graph: "SavedGraph") -> None:
        """Try the formats out, before the training starts.

        Raises:
            UsageError: A package is missing, or the model can not be written.
        """
        if self._forms and not scenario.params.export_serve:
            raise UsageError(
                f"`--trainer.export_{self._forms[0].name} True` converts the SavedModel of an export, which "
                "`--scenario.export_serve False` leaves out."
            )
        for form in self._forms:
            if self._params.skip_model_load_test:
                form.check_installed()
            else:
                check_convertible(scenario, graph, form)

    def write(self, scenario: "ScenarioBase[Any, Any]") -> None:
        """Write the files that are missing.

        Raises:
            StorageError: A file computes something else than the export, or can not be written.
        """
        for export, form in self._missing:
            again = type(scenario)(scenario.params)
            convert_export(again, export, form, compared_samples(scenario))

    @property
    def are_written(self) -> bool:
        """Whether no file is missing."""
        return not self._missing

    @property
    def _missing(self) -> list[tuple[Path, ExportFormat]]:
        pairs = [(export, form) for export in self._exports for form in self._forms]
        return [(export, form) for export, form in pairs if not (export / form.file_name).exists()]

    @property
    def _forms(self) -> list[ExportFormat]:
        params = self._params
        wanted = {"onnx": params.export_onnx, "litert": params.export_litert}
        return [FORMATS[name] for name, is_wanted in wanted.items() if is_wanted and params.output_dir]

    @property
    def _exports(self) -> list[Path]:
        """The folders of the exports that are there."""
        params, stopping = self._params, self._params.early_stopping
        output_dir = params.output_dir or "."
        best = Path(stopping.best_model_output_dir or output_dir) / stopping.best_model_name
        folders = {best: params.export_best, Path(output_dir) / "export": params.export_final}
        serve = params.scenario.default_serve_dir
        return [folder for folder, is_wanted in folders.items() if is_wanted and (folder / serve).is_dir()]
