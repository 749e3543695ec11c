"""Programs that work on exports say what is at a place that is none; no TensorFlow is needed for that."""

# pyright: reportAttributeAccessIssue=false

import pytest

from tests.lav.toys import EvaluatedToy
from tfaip.errors import UsageError
from tfaip.files import write_json
from tfaip.scripts import adapt_exported_model, export, lav, lav_multi, predict

PROGRAMS = {
    "tfaip-lav": lambda place: lav.parse_args(["--export_dir", place]),
    "tfaip-predict": lambda place: predict.parse_args(["--export_dir", place]),
    "tfaip-multi-lav": lambda place: lav_multi.parse_args(["--export_dirs", place, place]),
    "tfaip-export": lambda place: export.parse_args([place, "--format", "keras"]),
    "tfaip-adapt-exported-model": lambda place: adapt_exported_model.parse_args(
        [place, "--output_dir", f"{place}.new"]
    ),
}


@pytest.fixture
def places(tmp_path):
    """A folder with what users take for an export."""
    params = EvaluatedToy.default_params().to_dict()
    for name in ("no_weights", "no_params", "no_model", "checkpoint", "empty"):
        (tmp_path / name).mkdir()
    for name in ("no_weights", "no_model"):
        write_json(tmp_path / name / "scenario_params.json", params)
    write_json(tmp_path / "checkpoint" / "trainer_params.json", {"scenario": params})
    for name in ("no_weights", "no_params"):
        (tmp_path / name / "serve" / "variables").mkdir(parents=True)
        (tmp_path / name / "serve" / "saved_model.pb").touch()
    (tmp_path / "no_params" / "serve" / "variables" / "variables.index").touch()
    (tmp_path / "file").write_text("text")
    return tmp_path


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("name", "telling"),
    [
        ("missing", r"There is no exported model `.*missing`"),
        ("file", r"`.*file`"),
        ("empty", r"neither `trainer_params.json` nor `scenario_params.json` in `.*empty`"),
        ("no_model", r"There is no `saved_model.pb` in `.*no_model`"),
        ("no_params", r"neither `trainer_params.json` nor `scenario_params.json` in `.*no_params`"),
        ("no_weights", r"`.*serve` is but a part of an export.*no `variables/variables.index`"),
        ("checkpoint", r"`.*checkpoint` holds a checkpoint of a training, not an exported model.*best"),
    ],
)
def test_a_place_that_is_no_export_is_described(places, program, name, telling):
    with pytest.raises(UsageError, match=telling):
        PROGRAMS[program](str(places / name))
