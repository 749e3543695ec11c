import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.light_scenario import LightScenario
from tfaip.errors import UsageError
from tfaip.scripts import resume_training, train_from_params


def make_run(output_dir: Path, sub_dir: str = ".", **values: Any) -> Path:
    """Write what a training leaves after two of three epochs; return the folder of the checkpoint."""
    params = LightScenario.default_trainer_params()
    for name, value in {"epochs": 3, "current_epoch": 2, **values}.items():
        setattr(params, name, value)
    params.output_dir = str(output_dir)
    params.saved_checkpoint_sub_dir = sub_dir
    params.early_stopping.current = 0.5
    params.early_stopping.n = 2
    folder = output_dir / sub_dir
    (folder / "variables").mkdir(parents=True)
    (folder / "trainer_params.json").write_text(params.to_json(indent=2))  # type: ignore[attr-defined]
    return folder


def resume(*words: object) -> Any:
    return resume_training.main([str(word) for word in words])


def train(*words: object) -> Any:
    return train_from_params.main([str(word) for word in words])


def mistake(call: Any, words: Sequence[object]) -> str:
    with pytest.raises(UsageError) as caught:
        call(*words)
    return str(caught.value)


def changes(log: str) -> list[str]:
    return [line.strip() for line in log.splitlines() if " -> " in line]


# ---- resume


@pytest.mark.parametrize("name", ["", "trainer_params.json"])
def test_resume_goes_on_with_the_stored_params(tmp_path: Path, name: str):
    make_run(tmp_path / "run")

    logs = resume(tmp_path / "run" / name)

    assert logs["restore"] is True
    params = logs["params"]
    assert (params.epochs, params.current_epoch, params.output_dir) == (3, 2, str(tmp_path / "run"))
    assert (params.early_stopping.current, params.early_stopping.n) == (0.5, 2)
    assert changes((tmp_path / "run" / "train.log").read_text()) == []


def test_resume_shows_what_flags_change(tmp_path: Path):
    make_run(tmp_path / "run")

    logs = resume(tmp_path / "run", "--trainer.epochs", "7", "--learning_rate.lr", "0.5")

    assert (logs["params"].epochs, logs["params"].learning_rate.lr) == (7, 0.5)
    assert changes((tmp_path / "run" / "train.log").read_text()) == [
        "trainer.epochs: 3 -> 7",
        "trainer.learning_rate.lr: 0.01 -> 0.5",
    ]


def test_resume_appends_to_the_log(tmp_path: Path):
    make_run(tmp_path / "run")
    (tmp_path / "run" / "train.log").write_text("before\n")

    resume(tmp_path / "run")

    log = (tmp_path / "run" / "train.log").read_text()
    assert log.startswith("before\n")
    assert "Training 3 epochs" in log


def test_resume_follows_a_folder_that_was_moved(tmp_path: Path):
    make_run(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")

    logs = resume(tmp_path / "new")

    assert logs["params"].output_dir == str(tmp_path / "new")
    assert changes((tmp_path / "new" / "train.log").read_text()) == [
        f"trainer.output_dir: '{tmp_path}/old' -> '{tmp_path}/new'"
    ]
    assert not (tmp_path / "old").exists()


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("name", ["", "trainer_params.json"])
def test_resume_finds_the_output_dir_of_a_sub_folder(tmp_path: Path, moved: bool, name: str):
    make_run(tmp_path / "run", "checkpoint/checkpoint_0002")
    if moved:
        (tmp_path / "run").rename(tmp_path / "new")
    here = tmp_path / ("new" if moved else "run")

    logs = resume(here / "checkpoint" / "checkpoint_0002" / name)

    assert logs["params"].output_dir == str(here)
    assert logs["params"].saved_checkpoint_sub_dir == "checkpoint/checkpoint_0002"


def test_resume_keeps_a_relative_folder_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    make_run(Path("run"))

    assert resume(tmp_path / "run")["params"].output_dir == "run"
    assert resume("run/")["params"].output_dir == "run"


def test_resume_takes_a_parameter_file_from_elsewhere(tmp_path: Path):
    folder = make_run(tmp_path / "run")
    (tmp_path / "edited.json").write_text((folder / "trainer_params.json").read_text())

    assert resume(tmp_path / "edited.json")["params"].output_dir == str(tmp_path / "run")


def test_resume_takes_the_checkpoint_of_an_interrupted_exchange(tmp_path: Path):
    folder = make_run(tmp_path / "run")
    (folder / "variables").rename(folder / ".variables.old")

    assert resume(folder)["restore"] is True


def make_generation(folder: Path, name: str) -> Path:
    """Give what `make_run` made a numbered checkpoint with its own params."""
    path = folder / "checkpoints" / name
    path.mkdir(parents=True)
    (path / "manifest.json").touch()
    (path / "trainer_params.json").write_text((folder / "trainer_params.json").read_text())
    return path


@pytest.mark.parametrize("sub_dir", [".", "sub/dir"])
def test_resume_goes_on_from_one_checkpoint_of_several(tmp_path: Path, sub_dir: str):
    folder = make_run(tmp_path / "run", sub_dir)
    one = make_generation(folder, "00001-epoch-1")
    make_generation(folder, "00002-epoch-2")

    params = resume(one)["params"]

    assert params.output_dir == str(tmp_path / "run")
    assert tmp_path / "run" / params.saved_checkpoint_sub_dir == one


def test_lost_params_are_those_of_the_newest_checkpoint(tmp_path: Path):
    folder = make_run(tmp_path / "run", epochs=77)
    make_generation(folder, "00001-epoch-1")
    (folder / "trainer_params.json").unlink()

    params = resume(folder)["params"]

    assert (params.epochs, params.output_dir) == (77, str(tmp_path / "run"))
    assert params.saved_checkpoint_sub_dir == "."


def test_resume_needs_a_checkpoint(tmp_path: Path):
    folder = make_run(tmp_path / "run")
    (folder / "variables").rmdir()
    before = sorted(os.listdir(folder))

    for path in (folder, folder / "trainer_params.json"):
        assert f"There is no checkpoint `{folder}/variables`" in mistake(resume, [path])
    assert sorted(os.listdir(folder)) == before


def test_resume_does_not_take_an_export_for_a_checkpoint(tmp_path: Path):
    folder = make_run(tmp_path / "run")
    (folder / "best" / "serve").mkdir(parents=True)
    (folder / "best" / "trainer_params.json").write_text((folder / "trainer_params.json").read_text())

    assert "There is no checkpoint" in mistake(resume, [folder / "best"])


def test_resume_refuses_another_output_dir(tmp_path: Path):
    make_run(tmp_path / "run")

    message = mistake(resume, [tmp_path / "run", "--trainer.output_dir", tmp_path / "other"])

    assert f"`--trainer.output_dir {tmp_path}/other` can not be given on a resume" in message
    assert not (tmp_path / "other").exists()


def test_a_checkpoint_torn_out_of_its_sub_folder_is_refused(tmp_path: Path):
    folder = make_run(tmp_path / "run", "checkpoint/checkpoint_0002")
    folder.rename(tmp_path / "alone")

    assert "was `checkpoint/checkpoint_0002` below its output_dir" in mistake(resume, [tmp_path / "alone"])


# ---- train from params


def test_training_from_params_starts_anew(tmp_path: Path):
    folder = make_run(tmp_path / "run", "checkpoint_2")
    (tmp_path / "run" / "train.log").write_text("before\n")

    logs = train(folder / "trainer_params.json", "--trainer.epochs", "7")

    params = logs["params"]
    assert logs["restore"] is False
    assert (params.epochs, params.current_epoch, params.saved_checkpoint_sub_dir) == (7, 0, "")
    assert (params.early_stopping.current, params.early_stopping.n) == (None, 1)
    log = (tmp_path / "run" / "train.log").read_text()
    assert "before" not in log
    assert changes(log) == ["trainer.epochs: 3 -> 7"]


def test_training_from_params_may_go_elsewhere(tmp_path: Path):
    folder = make_run(tmp_path / "run")

    train(folder, "--trainer.output_dir", tmp_path / "other")

    assert os.listdir(tmp_path / "other") == ["train.log"]
    assert "train.log" not in os.listdir(folder)


# ---- both


@pytest.mark.parametrize("call", [resume, train])
def test_a_wrong_flag_writes_nothing(tmp_path: Path, call: Any):
    folder = make_run(tmp_path / "run")
    before = sorted(os.listdir(folder))

    assert "Did you mean `--trainer.epochs`?" in mistake(call, [folder, "--trainer.epohcs", "3"])
    assert "expects a whole number" in mistake(call, [folder, "--trainer.epochs", "five"])
    assert "at least 0" in mistake(call, [folder, "--trainer.epochs", "-3"])
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize("call", [resume, train])
def test_a_place_without_parameters_is_named(tmp_path: Path, call: Any):
    (tmp_path / "empty").mkdir()

    assert str(tmp_path / "nowhere") in mistake(call, [tmp_path / "nowhere"])
    assert f"`trainer_params.json` in `{tmp_path / 'empty'}`" in mistake(call, [tmp_path / "empty"])
    assert os.listdir(tmp_path) == ["empty"]


@pytest.mark.parametrize("call", [resume, train])
def test_a_broken_parameter_file_is_shown_with_line_and_column(tmp_path: Path, call: Any):
    file = tmp_path / "trainer_params.json"
    file.write_text('{\n  "epochs": 3,\n  oops\n}')

    message = mistake(call, [file])

    assert str(file) in message
    assert "line 3, column 3" in message


@pytest.mark.parametrize("call", [resume, train])
def test_help_shows_the_stored_values(tmp_path: Path, call: Any, capsys: pytest.CaptureFixture[str]):
    make_run(tmp_path / "run", epochs=77)

    with pytest.raises(SystemExit) as caught:
        call(tmp_path / "run", "--help")

    assert caught.value.code in (None, 0)
    assert "(default: 77)" in capsys.readouterr().out


def test_a_warm_start_of_a_resume_is_refused(tmp_path: Path):
    make_run(tmp_path / "run")

    said = mistake(resume, [tmp_path / "run", "--warmstart.model", "other"])

    assert "`--warmstart.model other` has no effect on a resume" in said
