import importlib.metadata

import pytest

from tfaip.scripts.export_command import quiet_tensorflow
from tfaip.scripts.keras_holes import has_known_holes


@pytest.mark.parametrize("version", ["3.0.0", "3.11.9", "3.12.0", "3.12.2", "3.13.0", "3.13.9", "3.14.0"])
def test_versions_with_holes_are_known(version):
    assert has_known_holes(version)


@pytest.mark.parametrize("version", ["3.12.3", "3.12.4", "3.14.1", "3.15.0", "3.15.0.dev1", "4.0", "10.0.1"])
def test_versions_with_the_fixes_are_known(version):
    assert not has_known_holes(version)


def test_what_reads_models_warns_of_an_old_keras(caplog, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "3.13.1")

    quiet_tensorflow()

    assert "Keras 3.13.1 has known holes" in caplog.text


def test_the_keras_that_is_installed_is_judged(caplog):
    quiet_tensorflow()

    assert bool(caplog.text) is has_known_holes(importlib.metadata.version("keras"))
