import json

import pytest

from tests.toy.scenario import ToyScenario
from tfaip.errors import UsageError
from tfaip.scenario.params_files import (
    MissingParamsError,
    read_json_file,
    scenario_params_dict,
    trainer_params_from_dict,
    trainer_params_from_path,
)
from tfaip.scenario.scenariobase import ScenarioBase


@pytest.fixture
def stored(tmp_path):
    params = ToyScenario.default_trainer_params()
    params.epochs = 17
    content = params.to_dict()  # type: ignore[attr-defined]
    (tmp_path / "trainer_params.json").write_text(json.dumps(content))
    return content


def test_params_come_back_from_the_folder_with_their_scenario(tmp_path, stored):
    params, scenario = trainer_params_from_path(tmp_path)

    assert scenario is ToyScenario
    assert params.epochs == 17
    assert params.to_dict() == stored  # type: ignore[attr-defined]


def test_the_class_at_the_root_has_the_name_that_files_of_1_2_have(stored):
    assert stored["__cls__"] == "tfaip.scenario.scenariobase:LocalTrainerParams"


def test_unknown_keys_of_old_files_are_dropped_and_missing_ones_are_defaults(stored):
    del stored["val_every_n"]
    stored["scenario"]["tfaip_version"] = "1.2.1"

    params, _ = trainer_params_from_dict({**stored, "debug_graph_construction": True})

    assert params.val_every_n == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"is no JSON \(line 1, column 2\)"),
        ("[1]", "must hold a JSON object, got a list"),
        ("\x00", "is no JSON"),
    ],
)
def test_what_is_no_params_file_is_told_with_line_and_column(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)

    with pytest.raises(UsageError, match=message):
        read_json_file(tmp_path / "a.json")


def test_a_place_without_params_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"no `trainer_params.json` in"):
        trainer_params_from_path(tmp_path)
    with pytest.raises(UsageError, match="no folder or file"):
        trainer_params_from_path(tmp_path / "nowhere")
    with pytest.raises(MissingParamsError, match="neither"):
        scenario_params_dict(tmp_path)


@pytest.mark.parametrize(
    ("scenario_id", "message"),
    [(None, "has no `scenario_id`"), ("tests.toy.scenario:No", "has no `No`"), ("no.such:A", "no module")],
)
def test_a_scenario_that_cannot_be_found_is_told(stored, scenario_id, message):
    stored["scenario"]["scenario_id"] = scenario_id

    with pytest.raises(UsageError, match=message):
        trainer_params_from_dict(stored)


def test_scenario_params_are_read_from_a_folder_whose_resources_they_use(tmp_path, stored):
    scenario, params = ScenarioBase.from_path(str(tmp_path))

    assert scenario is ToyScenario
    assert params.data.resource_base_path == str(tmp_path)


def test_only_the_base_finds_the_class_itself(stored):
    with pytest.raises(ValueError, match=r"ScenarioBase\.from_dict"):
        ToyScenario.from_dict(stored)
