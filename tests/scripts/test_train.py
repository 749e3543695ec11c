import os
from pathlib import Path

import pytest

from tests.scripts.light_scenario import LightScenario
from tfaip.errors import UsageError
from tfaip.scripts import training
from tfaip.scripts.train import main, parse_args

NAME = "tests.scripts.light_scenario:LightScenario"


def params(line: str):
    return parse_args([NAME, *line.split()])[1]


def test_the_scenario_and_its_params_are_read():
    scenario, read = parse_args([NAME, "--trainer.epochs", "3", "--model.nodes", "5", "--optimizer", "SGD"])

    assert scenario is LightScenario
    assert (read.epochs, read.scenario.model.nodes, type(read.optimizer).__name__) == (3, 5, "SGDOptimizer")
    assert read.scenario.scenario_id == NAME


def test_the_training_returns_its_logs_and_writes_a_log(tmp_path: Path):
    out = tmp_path / "a" / "b"

    logs = main(LightScenario, params(f"--trainer.output_dir {out} --trainer.epochs 3"))

    assert logs["restore"] is False
    assert os.listdir(out) == ["train.log"]
    assert "Training 3 epochs" in (out / "train.log").read_text()


def test_a_second_training_writes_the_log_anew(tmp_path: Path):
    for epochs in (3, 4):
        main(LightScenario, params(f"--trainer.output_dir {tmp_path} --trainer.epochs {epochs}"))

    log = (tmp_path / "train.log").read_text()
    assert "Training 4 epochs" in log
    assert "Training 3 epochs" not in log


def test_without_output_dir_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    main(LightScenario, params("--trainer.epochs 3"))

    assert os.listdir(tmp_path) == []


def test_the_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    read = params("")
    read.output_dir = "~/run"

    assert main(LightScenario, read)["params"].output_dir == str(tmp_path / "run")


def test_what_python_code_sets_is_checked_before_anything_is_written(tmp_path: Path):
    read = params(f"--trainer.output_dir {tmp_path / 'out'}")
    read.epochs = -4

    with pytest.raises(UsageError, match=r"`--trainer\.epochs` must be at least 0, got -4"):
        main(LightScenario, read)

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["file", "file/below", "file/below/that", "dangling", "loop", "loop/below"])
def test_a_place_that_is_no_folder_is_refused(tmp_path: Path, name: str):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = sorted(os.listdir(tmp_path))

    with pytest.raises(UsageError, match="needs a folder, but") as caught:
        main(LightScenario, params(f"--trainer.output_dir {tmp_path / name}"))

    assert str(tmp_path / name.partition("/")[0]) in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_folder_that_can_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere

    with pytest.raises(UsageError, match="is read-only"):
        main(LightScenario, params(f"--trainer.output_dir {tmp_path / 'a' / 'b'}"))


def test_an_empty_or_endless_name_of_a_folder_is_refused(tmp_path: Path):
    for name in ("", str(tmp_path / ("x" * 300))):
        with pytest.raises(UsageError, match=r"`--trainer\.output_dir"):
            training.check_output_dir(name)


@pytest.mark.parametrize("name", ["a b", "ü 😀", "%d", "{epoch}", "quote'\"", "-x", "x" * 200])
def test_a_folder_may_be_called_anything(tmp_path: Path, name: str):
    main(LightScenario, parse_args([NAME, f"--trainer.output_dir={tmp_path / name}"])[1])

    assert os.listdir(tmp_path / name) == ["train.log"]


def test_a_usage_error_in_the_training_leaves_no_folder(tmp_path: Path):
    with pytest.raises(UsageError, match="empty"):
        main(
            LightScenario,
            params(f"--trainer.output_dir {tmp_path / 'a' / 'b'} --trainer.no_train_scope usage"),
        )

    assert os.listdir(tmp_path) == []


def test_a_usage_error_in_the_training_keeps_a_folder_that_was_there(tmp_path: Path):
    with pytest.raises(UsageError, match="empty"):
        main(LightScenario, params(f"--trainer.output_dir {tmp_path} --trainer.no_train_scope usage"))

    assert "The training data are empty." in (tmp_path / "train.log").read_text()


def test_any_other_error_keeps_the_log_with_the_traceback(tmp_path: Path):
    with pytest.raises(RuntimeError, match="a bug"):
        main(LightScenario, params(f"--trainer.output_dir {tmp_path / 'out'} --trainer.no_train_scope bug"))

    assert "Traceback" in (tmp_path / "out" / "train.log").read_text()


def test_best_without_a_place_is_refused():
    with pytest.raises(UsageError, match=r"`--trainer\.export_best True` needs a place"):
        main(LightScenario, params("--trainer.export_best True"))
