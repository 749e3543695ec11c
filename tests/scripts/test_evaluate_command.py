import io
import json
import pickle
import sys
import tarfile

import numpy as np
import pytest

from tests.scripts.test_lav_command import json_in, start
from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import StorageError, UntrustedError, UsageError
from tfaip.predict.dumps import DumpWriter
from tfaip.predict.pickled_dumps import open_dump
from tfaip.scripts.evaluate import main, parse_args

TOY = "tests.lav.toys:EvaluatedToy"


def samples(sides=(0, 1, 1, 0)):
    """Three of four sides are right."""
    return [
        Sample(
            inputs={"x": np.zeros(3, "float32")},
            targets={"side": np.array([side], "int32")},
            outputs={"side": np.int64(i % 2)},
            meta={"id": i},
        )
        for i, side in enumerate(sides)
    ]


@pytest.fixture
def dump(tmp_path):
    with DumpWriter(tmp_path / "out.dump") as writer:
        for sample in samples((0, 1, 1, 1)):
            writer.add(sample, {"loss": 0.5})
    return tmp_path / "out.dump"


def evaluate(*words):
    args, scenario, params = parse_args([str(word) for word in words])
    return main(args.pred, scenario, params, callback=args.callback, allow_pickle=args.allow_pickle == "True")


class Canary:
    touched = False

    def __reduce__(self):
        return setattr, (Canary, "touched", True)


def predicted_by_1_2(path, extra=()):
    """Write what `tfaip-predict` of 1.2 wrote: an archive with a pickled sample in each member."""
    with tarfile.open(path, "w:gz") as archive:
        for i, sample in enumerate([*samples((0, 1, 1, 1)) * 3, *extra]):
            content = pickle.dumps(sample)
            info = tarfile.TarInfo(f"{i}.pred")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def validated_by_1_2(path):
    """Write what `tfaip-lav` of 1.2 wrote: one pickle."""
    pairs = [(s.targets, s.outputs) for s in samples((0, 1, 1, 1))]
    path.write_bytes(pickle.dumps({"target_prediction_pairs": pairs, "result": {"acc": 0.75}}))
    return path


@pytest.mark.parametrize("flag", ["--pred", "--prediction"])
def test_the_evaluator_runs_on_a_dump(dump, capsys, flag):
    assert evaluate(flag, dump, "--scenario", TOY) == {"eval_acc": 0.75}
    assert json_in(capsys.readouterr().out) == {"num_samples": 4, "eval_acc": 0.75}


def test_a_function_runs_on_a_dump(dump, tmp_path, monkeypatch, capsys):
    (tmp_path / "analysis.py").write_text(
        "def report(dump):\n"
        "    print('worst', dump.labels['loss'].argmax())\n"
        "    return {'mean': dump.labels['loss'].mean(), 'first': int(dump[0]['side'])}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    results = evaluate("--pred", dump, "--callback", "analysis.report")

    assert results == {"mean": 0.5, "first": 0}
    assert "worst 0" in capsys.readouterr().out


def test_evaluating_loads_no_tensorflow(dump, tmp_path):
    done = start(tmp_path, "evaluate", f"--pred {dump} --scenario {TOY}")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"num_samples": 4, "eval_acc": 0.75}


def test_an_empty_dump_is_marked(tmp_path, capsys):
    with DumpWriter(tmp_path / "out"):
        pass

    evaluate("--pred", tmp_path / "out", "--scenario", TOY)

    assert json_in(capsys.readouterr().out) == {"num_samples": 0, "empty": True}


@pytest.mark.parametrize("write", [predicted_by_1_2, validated_by_1_2])
def test_a_dump_of_1_2_is_refused_with_its_own_code(tmp_path, write):
    write(tmp_path / "old")

    done = start(tmp_path, "evaluate", f"--pred old --scenario {TOY}")

    assert done.returncode == 6
    assert done.stderr.splitlines()[-1].startswith("tfaip: error: `old` is a pickle")
    assert "--allow_pickle True" in done.stderr


def test_a_pickle_is_not_touched_unless_it_is_allowed(tmp_path):
    predicted_by_1_2(tmp_path / "old", [Canary()])

    with pytest.raises(UntrustedError):
        evaluate("--pred", tmp_path / "old", "--scenario", TOY)

    assert not Canary.touched


@pytest.mark.parametrize("write", [predicted_by_1_2, validated_by_1_2])
def test_a_dump_of_1_2_is_read_when_it_is_trusted(tmp_path, caplog, write):
    write(tmp_path / "old")

    results = evaluate("--pred", tmp_path / "old", "--scenario", TOY, "--allow_pickle", "True")

    assert results == {"eval_acc": 0.75}
    assert "whatever code it holds is run" in caplog.text


def test_samples_of_1_2_come_in_the_order_of_their_numbers(tmp_path):
    dump = open_dump(predicted_by_1_2(tmp_path / "old"), allow_pickle=True)

    assert len(dump) == 12
    assert [item["meta"]["id"] for item in dump] == [0, 1, 2, 3] * 3
    assert dump[2]["side"] == dump.sample(2).outputs["side"] == 0


def test_a_pickle_of_something_else_is_no_dump(tmp_path):
    (tmp_path / "old").write_bytes(pickle.dumps([1, 2]))

    with pytest.raises(StorageError, match=r"can not be read as one of version 1\.2"):
        open_dump(tmp_path / "old", allow_pickle=True)


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("", "needs `--pred` with a dump"),
        ("--pred {dump}", "needs `--pred` with a dump, and `--scenario`"),
        ("--pred {dump} --scenario tests.nowhere", "There is no module `tests.nowhere`"),
        ("--pred {dump} --callback report", "expects `module.function`, got `report`"),
        ("--pred {dump} --callback tests.lav.toys.Recrods", "Did you mean `Records`?"),
        ("--pred {dump} --callback nowhere.report", "There is no module `nowhere`"),
        ("--pred {dump} --scenario tests.lav.toys:EvaluatedToy --evaluator.x 1", "`--evaluator.x`"),
        ("--pred {dump} --scenario tests.lav.toys:EvaluatedToy --allow_pickle maybe", "--allow_pickle"),
    ],
)
def test_a_mistake_is_answered(dump, line, telling):
    with pytest.raises(UsageError) as caught:
        evaluate(*line.format(dump=dump).split())

    assert telling in str(caught.value)


def test_version_and_help_are_shown(tmp_path):
    version = start(tmp_path, "evaluate", "--version")

    assert version.stdout.startswith("tfaip ")
