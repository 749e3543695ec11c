"""An export can be moved, with the files that its data needs."""

# ruff: noqa: RUF009 - `resource_field` returns a field

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
import pytest
from paiargparse import pai_dataclass

from tests.lav.toys import ToyEvaluator
from tests.toy.params import ToyModelParams, ToyPipelineParams
from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataBaseParams
from tfaip.data.specs import TensorSpec
from tfaip.predict.params import PredictorParams
from tfaip.resource.resource import Resource, resource_field
from tfaip.scenario.scenariobase import ScenarioBase
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.scripts import adapt_exported_model, export, lav
from tfaip.trainer.trainer import Trainer

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false, reportIncompatibleMethodOverride=false
# pyright: reportArgumentType=false, reportOptionalCall=false, reportCallIssue=false


@pai_dataclass
@dataclass
class MovedDataParams(DataBaseParams):
    """The toy's data with a file."""

    offset: Optional[Resource] = resource_field(default=None)

    @staticmethod
    def cls():
        return MovedData


class MovedData(DataBase[MovedDataParams]):
    """Reads its file when it is created."""

    def __init__(self, params, **kwargs):
        super().__init__(params, **kwargs)
        self.offset = float(Path(self.resources.get("offset").abs_path).read_text())

    def _input_layer_specs(self):
        return {"x": TensorSpec((3,), "float32")}

    def _target_layer_specs(self):
        return {"side": TensorSpec((1,), "int32")}


@pai_dataclass
@dataclass
class MovedParams(ScenarioBaseParams[MovedDataParams, ToyModelParams]):
    """The toy with a file."""


class MovedScenario(ScenarioBase[MovedParams, ToyPipelineParams]):
    """The toy with a file."""

    @classmethod
    def default_trainer_params(cls):
        params = super().default_trainer_params()
        params.gen.setup.val.batch_size = 8
        params.gen.val.first_id = 1000
        params.gen.val.number = 20
        params.epochs = 1
        params.progress_bar_mode = 0
        params.skip_model_load_test = True
        return params

    @classmethod
    def evaluator_cls(cls):
        return ToyEvaluator


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """The output_dir of a training that was moved; the file that it was given is gone."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "offset.txt").write_text("4.5")
    params = MovedScenario.default_trainer_params()
    params.scenario.data.offset = Resource(str(folder / "offset.txt"))
    params.output_dir = str(folder / "first")
    params.scenario.print_eval_limit = 0
    trainer = MovedScenario.create_trainer(params)
    trainer.train()
    (folder / "offset.txt").rename(folder / "other.txt")
    elsewhere = folder / "some where" / "ünter"
    elsewhere.parent.mkdir()
    shutil.move(folder / "first", elsewhere)
    return elsewhere, trainer.scenario.keras_predict_model


@pytest.mark.parametrize("name", ["best", "export"])
def test_a_moved_export_predicts_with_its_files(moved, monkeypatch, tmp_path, name):
    folder, model = moved
    monkeypatch.chdir(tmp_path)
    x = np.eye(3, dtype="float32")

    predictor = MovedScenario.create_predictor(str(folder / name), PredictorParams(silent=True))
    samples = list(predictor.predict_raw([{"x": row} for row in x]))

    assert predictor.data.offset == 4.5
    expected = model({"x": x}, training=False)["logits"]
    np.testing.assert_allclose([sample.outputs["logits"] for sample in samples], expected, atol=1e-6)


def test_a_moved_export_is_validated_converted_and_adapted(moved, tmp_path):
    best = shutil.copytree(moved[0] / "best", tmp_path / "a copy")
    words = ["--export_dir", str(best), "--lav.silent", "True"]

    result = lav.main(*lav.parse_args(words))
    export.main(*export.parse_args([str(best), "--format", "keras"]))
    out = adapt_exported_model.main(
        *adapt_exported_model.parse_args([str(best), "--output_dir", str(tmp_path / "out")])
    )

    assert result.num_samples == 20
    assert (best / "model.keras").exists()
    assert (out / "resources").is_dir()
    assert MovedScenario(MovedScenario.params_from_path(str(out))).data.offset == 4.5


def test_a_moved_training_goes_on(moved, tmp_path):
    folder = shutil.copytree(moved[0], tmp_path / "run", symlinks=True)
    params, _ = Trainer.parse_trainer_params(str(folder / "best"))
    params.output_dir, params.epochs = str(folder), 2
    params.scenario.data.resource_base_path = str(folder / "best")

    trainer = MovedScenario.create_trainer(params, restore=True)
    trainer.train()

    assert trainer.params.current_epoch == 2
    assert trainer.data.offset == 4.5
