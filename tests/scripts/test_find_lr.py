import csv
import logging

import pytest

from tfaip.errors import UsageError
from tfaip.scripts import chart
from tfaip.scripts.find_lr import main, parse_args


def find(folder, *flags):
    output = ["--range_test.output", str(folder / "curve"), "--range_test.updates", "80"]
    main(*parse_args(["tests.toy.scenario", *output, *flags]))


def test_a_curve_is_written_and_one_number_printed(tmp_path, capsys):
    pytest.importorskip("PIL")

    find(tmp_path, "--trainer.output_dir", str(tmp_path / "run"), "--trainer.random_seed", "3")

    rate = float(capsys.readouterr().out)
    assert 1e-6 < rate < 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curve.csv", "curve.png"]
    with (tmp_path / "curve.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert list(rows[0]) == ["lr", "loss", "smoothed"]
    assert float(rows[0]["lr"]) == pytest.approx(1e-6)


def test_without_pillow_there_is_a_table_and_a_hint(tmp_path, capsys, monkeypatch, caplog):
    monkeypatch.setattr(chart, "has_pictures", lambda: False)

    with caplog.at_level(logging.WARNING):
        find(tmp_path)

    assert [p.name for p in tmp_path.iterdir()] == ["curve.csv"]
    assert "pip install 'tfaip[plot]'" in caplog.text


def test_a_loss_that_never_falls_is_reported_with_its_curve(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.toy.model.ToyModel._loss", lambda self, i, t, o: {"x": 1.0 + 0 * o["logits"]})
    monkeypatch.setattr("tests.toy.model.ToyModel._loss_weights", lambda self: None)

    with pytest.raises(UsageError, match="falls at none of 80 learning rates"):
        find(tmp_path)

    assert (tmp_path / "curve.csv").exists()


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (["--range_test.lowest", "0"], "lowest"),
        (["--range_test.updates", "3"], "updates"),
        (["--range_test.smoothing", "1"], "smoothing"),
        (["--range_test.stop_factor", "1"], "stop_factor"),
        (["--range_test.lowest", "2"], "lowest"),
    ],
)
def test_values_out_of_range_are_refused(flags, name):
    with pytest.raises(UsageError, match=f"--range_test.{name}"):
        parse_args(["tests.toy.scenario", *flags])


def test_a_place_that_can_not_be_written_is_told_at_once(tmp_path):
    (tmp_path / "file").touch()
    parsed = parse_args(["tests.toy", "--range_test.output", str(tmp_path / "file" / "curve")])

    with pytest.raises(UsageError, match=r"`--range_test.output .*` needs a folder"):
        main(*parsed)
