"""A run whose files can be changed, and canaries: modules that leave a file behind when they are imported."""

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.light_scenario import LightScenario

_numbers = itertools.count()


@dataclass
class Canary:
    """A module that was not imported, as long as there is no file `mark`."""

    name: str
    mark: Path

    @property
    def sings(self) -> bool:
        return self.mark.exists()


@pytest.fixture
def canary_in(tmp_path: Path) -> Callable[..., Canary]:
    """Write a module with params, a scenario and other things into a folder."""

    def write(folder: Path, package: str = "") -> Canary:
        name = f"canary{next(_numbers)}"
        mark = tmp_path / f"{name}_was_imported"
        place = folder / package
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.py").write_text(_SOURCE.format(mark=str(mark)))
        return Canary(f"{package}.{name}".lstrip("."), mark)

    return write


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary_in: Callable[..., Canary]) -> Canary:
    """A canary on Python's path."""
    monkeypatch.syspath_prepend(tmp_path / "path")
    return canary_in(tmp_path / "path")


@pytest.fixture
def stored() -> dict[str, Any]:
    """What a training stores of its params."""
    params = LightScenario.default_trainer_params()
    params.current_epoch = 1
    return json.loads(json.dumps(params.to_dict()))  # type: ignore[attr-defined]


@pytest.fixture
def run_dir(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Write the folder of a training whose params are these, with an export `best`."""

    def write(content: dict[str, Any]) -> Path:
        folder = tmp_path / "run"
        content["output_dir"] = str(folder)
        for place in (folder, folder / "best"):
            (place / "variables").mkdir(parents=True, exist_ok=True)
            (place / "trainer_params.json").write_text(json.dumps(content))
        for part in (
            "saved_model.pb",
            "variables/variables.index",
            "variables/variables.data-00000-of-00001",
        ):
            file = folder / "best" / "serve" / part
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return folder

    return write


@pytest.fixture(autouse=True)
def path_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


_SOURCE = """
import os, subprocess
from dataclasses import dataclass
from pathlib import Path

from paiargparse import pai_dataclass

from tests.toy.params import NoiseParams, ToyDataParams

Path({mark!r}).touch()


@pai_dataclass
@dataclass
class CanaryParams(ToyDataParams):
    song: str = "tweet"


class Scenario:
    pass
"""
