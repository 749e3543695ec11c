"""Params that other versions have written.

`tests/golden/params` keeps a file of each release; that of 1.2.0 was put together of the documented keys.
"""

import copy
import json
import logging
from pathlib import Path

import pytest

from tests.toy.params import ToyDataParams
from tests.toy.scenario import ToyScenario
from tfaip.device.device_config import DeviceConfigParams
from tfaip.errors import UsageError
from tfaip.scenario.params_files import trainer_params_from_dict, trainer_params_from_path
from tfaip.version import __version__

FILES = sorted((Path(__file__).parents[1] / "golden" / "params").glob("*.json"))


@pytest.fixture
def stored():
    params = ToyScenario.default_trainer_params()
    return json.loads(json.dumps(params.to_dict()))  # type: ignore[attr-defined]


def notes(caplog):
    return [record.message for record in caplog.records if "version writes it" in record.message]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_each_release_is_read(file):
    params, scenario = trainer_params_from_path(file)

    assert scenario is ToyScenario
    content = json.loads(file.read_text())
    assert (params.epochs, params.random_seed, params.learning_rate.lr) == (2, 7, 0.01)
    assert params.scenario.tfaip_version == content["scenario"]["tfaip_version"] == file.stem
    assert params.gen.val.first_id == 1000


def test_there_is_a_file_of_this_version():
    assert __version__ in [file.stem for file in FILES]


def test_an_old_file_is_read_with_one_note(tmp_path, stored, caplog):
    old = copy.deepcopy(stored)
    old["scenario"]["tfaip_version"] = "1.2.1"
    del old["keep"], old["scenario"]["data"]
    old["epoch"] = 7
    old["scenario"]["debug_graph_construction"] = False
    old["device"]["__cls__"] = "tfaip.trainer.params:DeviceConfigParams"
    file = tmp_path / "trainer_params.json"
    file.write_text(json.dumps(old))

    with caplog.at_level(logging.INFO):
        params, _ = trainer_params_from_path(file)
        trainer_params_from_path(file)

    assert type(params.scenario.data) is ToyDataParams
    assert type(params.device) is DeviceConfigParams
    (note,) = notes(caplog)
    assert str(file) in note
    assert "taken from the defaults: keep, scenario.data;" in note
    assert "left out, for no field has that name: epoch, scenario.debug_graph_construction;" in note
    assert (
        "moved: tfaip.trainer.params:DeviceConfigParams to tfaip.device.device_config:DeviceConfigParams"
        in note
    )


def test_a_file_of_this_version_needs_no_note(tmp_path, stored, caplog):
    file = tmp_path / "trainer_params.json"
    file.write_text(json.dumps(stored))

    with caplog.at_level(logging.INFO):
        trainer_params_from_path(file)

    assert notes(caplog) == []


@pytest.mark.parametrize("version", ["99.0.0", "2.9", "3.0.0rc1"])
def test_a_file_of_a_newer_version_is_refused_with_both_versions(stored, version):
    stored["scenario"]["tfaip_version"] = version
    stored["new_field"] = 1

    with pytest.raises(UsageError, match=rf"by tfaip {version}, but this is tfaip {__version__}"):
        trainer_params_from_dict(stored)


@pytest.mark.parametrize("version", [None, "", "2.0.7", "unknown", 3])
def test_a_file_of_an_unknown_version_or_of_this_release_is_read_strictly(stored, version):
    stored["scenario"]["tfaip_version"] = version
    stored["epoch"] = 1

    with pytest.raises(UsageError):
        trainer_params_from_dict(stored)
