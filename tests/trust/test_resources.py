"""The resources of an export stay in its folder."""

import json
from dataclasses import dataclass
from typing import Optional

import pytest
from paiargparse import pai_dataclass

from tests.toy.params import ToyDataParams, ToyPipelineParams, ToyScenarioParams
from tfaip.errors import UntrustedError
from tfaip.resource.containment import check_resources
from tfaip.resource.resource import Resource, resource_field
from tfaip.scenario.scenariobase import ScenarioBase


@pai_dataclass
@dataclass
class ParamsWithFiles(ToyDataParams):
    codec: Optional[Resource] = resource_field(default=None)  # noqa: RUF009


@pai_dataclass
@dataclass
class ScenarioParamsWithFiles(ToyScenarioParams):
    data: ParamsWithFiles = None  # type: ignore[assignment]


class ScenarioWithFiles(ScenarioBase[ScenarioParamsWithFiles, ToyPipelineParams]):
    pass


@pytest.fixture
def model(tmp_path):
    """An export with resources, beside a secret."""
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "model"
    (folder / "resources" / "folder").mkdir(parents=True)
    (folder / "resources" / "codec.txt").write_text("abc")
    (folder / "resources" / "link").symlink_to(tmp_path / "secret")
    (folder / "resources" / "inner_link").symlink_to("codec.txt")
    (folder / "resources" / "folder" / "link").symlink_to(tmp_path)
    return folder


def read(folder, path):
    scenario = {"data": {"codec": path}}
    (folder / "scenario_params.json").write_text(json.dumps(scenario))
    return ScenarioWithFiles.params_from_path(str(folder))


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "../../canary",
        "resources/../../secret",
        "/etc/hostname",
        "resources/link",
        "resources/folder",
        "resources/folder/link/secret",
        "..\\secret",
        "resources\\..\\..\\secret",
        "C:\\secret",
        "\\\\server\\secret",
        "a\0b",
        "..",
    ],
    ids=repr,
)
@pytest.mark.parametrize("inside", [True, False])
def test_what_lies_outside_of_a_model_is_refused(model, path, inside, monkeypatch):
    if inside:
        monkeypatch.chdir(model)

    with pytest.raises(UntrustedError, match="resource `codec`") as caught:
        read(model, path)

    assert "\0" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["resources/codec.txt", "./resources/codec.txt", "resources/inner_link", "~"]
)
def test_what_lies_inside_is_read(model, path):
    assert read(model, path).data.codec == Resource(path)


def test_a_model_behind_a_link_is_read(model, tmp_path):
    (tmp_path / "link").symlink_to(model)

    assert read(tmp_path / "link", "resources/codec.txt").data.codec == Resource("resources/codec.txt")


def test_resources_in_lists_are_checked_too(model):
    with pytest.raises(UntrustedError, match=r"resource `a\.1`"):
        check_resources({"a": [Resource("resources/codec.txt"), Resource("../secret")]}, model)
