import csv

import pytest

from tfaip.errors import UsageError
from tfaip.scripts import chart
from tfaip.scripts.plot_lr import main, parse_args

SHORT = ["--trainer.epochs", "4"]


def plot(folder, *flags, file="lr.csv"):
    """Return the rows of the table, and the names of all files that were written."""
    path = folder / file
    main(*parse_args(["tests.toy.scenario", *SHORT, *flags, str(path)]))
    with path.with_suffix(".csv").open() as table:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(table)]
    return rows, sorted(p.name for p in folder.iterdir())


def test_the_rates_of_the_epochs_are_those_of_the_flags(tmp_path):
    rows, files = plot(tmp_path, "--learning_rate", "Linear", "--learning_rate.lr", "0.4")

    assert files == ["lr.csv"]
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert [row["step"] for row in rows] == [0, 5, 10, 15]  # the toy has 40 samples in batches of 8
    assert [row["lr"] for row in rows] == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_a_schedule_by_steps_is_drawn_by_steps(tmp_path):
    flags = [
        "--learning_rate",
        "Linear",
        "--learning_rate.lr",
        "0.4",
        "--learning_rate.step_function",
        "False",
    ]

    rows, _ = plot(tmp_path, *flags)

    assert [row["lr"] for row in rows] == pytest.approx([0.4 * (1 - step / 20) for step in range(20)])


def test_accumulated_updates_keep_their_rate_for_their_batches(tmp_path):
    flags = [
        "--learning_rate",
        "Linear",
        "--learning_rate.lr",
        "0.4",
        "--learning_rate.step_function",
        "False",
    ]

    rows, _ = plot(tmp_path, *flags, "--trainer.train_accum_steps", "4")

    assert [row["lr"] for row in rows[:9]] == pytest.approx([0.4] * 4 + [0.32] * 4 + [0.24])


def test_a_picture_has_its_values_beside_it(tmp_path):
    pytest.importorskip("PIL")
    part = "--trainer.part_optimizers"

    rows, files = plot(tmp_path, part, "PartOptimizer", f"{part}.0.variables", "hidden", file="my.lr.png")

    assert files == ["my.lr.csv", "my.lr.png"]
    assert {row["lr/hidden"] for row in rows} == {0.001}


@pytest.mark.parametrize("words", [[], ["--learning_rate", "Cyclic"], ["lr.pdf"]])
def test_a_missing_file_is_reported(words):
    with pytest.raises(UsageError, match=r"expects a file to write as its last word.*Try `tfaip-plot-lr"):
        parse_args(["tests.toy.scenario", *words])


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        parse_args(["tests.toy.scenario", str(tmp_path / "a" / "lr.csv")])


def test_nothing_is_written_when_pictures_can_not_be_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(chart, "has_pictures", lambda: False)

    with pytest.raises(UsageError, match="Pillow"):
        plot(tmp_path, file="lr.png")

    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_file(capsys):
    with pytest.raises(SystemExit):
        parse_args(["tests.toy.scenario", "--learning_rate", "Cyclic", "--help"])

    assert "--learning_rate.cycle_epochs" in capsys.readouterr().out
