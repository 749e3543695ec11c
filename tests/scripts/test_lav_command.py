import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lav.toys import EvaluatedToy, ShortParams
from tests.toy.params import ToyGeneratorParams
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import UsageError
from tfaip.lav.lav import LAV
from tfaip.predict.dumps import EvalDataset
from tfaip.scripts import evaluate, lav, lav_multi
from tfaip.trainer.trainer import Trainer

REPOSITORY = Path(__file__).resolve().parents[2]

NO_TENSORFLOW = """
import sys


class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise AssertionError(f"{name} was imported")


sys.meta_path.insert(0, Guard())
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    params = EvaluatedToy.default_trainer_params()
    params.epochs = 2
    params.output_dir = str(folder)
    params.scenario.print_eval_limit = 0
    params.gen.setup.val.limit = 17
    return folder, EvaluatedToy.create_trainer(params).train()


@pytest.fixture
def run_dir(trained):
    return trained[0]


def parse(*words):
    return lav.parse_args([str(word) for word in words])[0]


def validate(*words):
    return lav.main(*lav.parse_args([*map(str, words), "--lav.silent", "True"]))


def start(tmp_path, program, line):
    guard = tmp_path / "guard"
    guard.mkdir(exist_ok=True)
    (guard / "sitecustomize.py").write_text(NO_TENSORFLOW)
    return subprocess.run(
        [sys.executable, "-P", "-m", f"tfaip.scripts.{program}", *line.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(guard), str(REPOSITORY)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def json_in(text):
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


# ---- the command line


@pytest.mark.parametrize("export", ["best", "export"])
def test_samples_are_those_of_the_validation_unless_said_otherwise(run_dir, export):
    args = parse("--export_dir", run_dir / export)

    assert args.data == ToyGeneratorParams(number=20, first_id=1000)
    assert (args.lav.pipeline.limit, args.lav.pipeline.batch_size) == (17, 8)
    assert args.lav.pipeline.mode == PipelineMode.EVALUATION
    assert args.lav.model_path == str(run_dir / export)


def test_an_export_without_its_training_uses_the_samples_of_prediction(run_dir, tmp_path):
    (tmp_path / "moved").symlink_to(run_dir / "export")

    args = parse("--export_dir", tmp_path / "moved")

    assert args.data == ToyGeneratorParams()
    assert args.lav.pipeline.limit == -1


def test_flags_may_stand_on_both_sides_of_the_folder(run_dir):
    words = ["--data.number", 5, "--export_dir", run_dir / "best", "--lav.print_samples", True]

    args = parse(*words, "--pipeline.batch_size", 3, "--dump", "out", "--run_eagerly")

    assert (args.data.number, args.data.first_id) == (5, 1000)
    assert args.lav.print_samples
    assert args.lav.pipeline.batch_size == 3
    assert (args.dump, args.run_eagerly, args.instantiate_graph, args.dump_losses) == (
        "out",
        True,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--lav.run_eagerly True", "run_eagerly"),
        ("--run-eagerly", "run_eagerly"),
        ("--run_eagerly=True", "run_eagerly"),
        ("--instantiate-graph", "instantiate_graph"),
        ("--lav.dump_losses", "dump_losses"),
    ],
)
def test_spellings_of_older_documentation_are_accepted(run_dir, words, name):
    assert getattr(parse("--export_dir", run_dir / "best", *words.split()), name) is True
    assert parse("--export_dir", run_dir / "best", "--lav.batch_size", 3).lav.pipeline.batch_size == 3
    assert parse("--export_dir", run_dir / "best", "--lav.limit=3").lav.pipeline.limit == 3
    assert parse("--export_dir", run_dir / "best", "--lav.dump", "out").dump == "out"


def test_another_generator_can_be_chosen(run_dir):
    words = ["--data", "tests.lav.toys:ShortParams", "--data.promised", 30]

    assert parse("--export_dir", run_dir / "best", *words).data == ShortParams(20, 1000, promised=30)


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("", "needs `--export_dir` with the folder of an export"),
        ("--export_dir nowhere", "There is no exported model `nowhere`"),
        ("--export_dir {run}", "holds a checkpoint of a training"),
        ("--export_dir {run}/best {run}/export", "takes one folder, got 2"),
        ("--export_dir {run}/best --data.numbre 5", "Did you mean `--data.number`?"),
        ("--export_dir {run}/best --pipeline.batch_size 0", "must be 1 or more, got 0"),
        ("--export_dir {run}/best --run_eagerly maybe", "expects True or False, got `maybe`"),
        ("--export_dir {run}/best --dump", "--dump"),
    ],
)
def test_a_mistake_is_answered(run_dir, line, telling):
    with pytest.raises(UsageError) as caught:
        parse(*line.format(run=run_dir).split())

    assert telling in str(caught.value)


def test_help_of_each_program_needs_no_tensorflow(run_dir, tmp_path):
    exports = f"{run_dir}/best {run_dir}/export"
    texts = {
        "lav": ("--help", f"--export_dir {run_dir}/best --help"),
        "lav_multi": ("--help", f"--export_dirs {exports} --help"),
        "evaluate": ("--help", f"--pred out --scenario {run_dir}/best --help"),
    }
    for program, lines in texts.items():
        for line in lines:
            done = start(tmp_path, program, line)

            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.startswith(
                f"usage: tfaip-{ {'lav_multi': 'multi-lav'}.get(program, program) } "
            )
    flags = start(tmp_path, "lav_multi", texts["lav_multi"][1]).stdout
    assert "  --predictor.run_eagerly " in flags
    assert "--predictor.pipeline" not in flags
    assert "  --pipeline.batch_size " in flags


# ---- what it does


def test_best_and_last_values_of_the_training_are_reproduced(trained, capsys):
    folder, logs = trained
    stored = json.loads((folder / "best" / "trainer_params.json").read_text())

    best = validate("--export_dir", folder / "best")
    last = validate("--export_dir", folder / "export")

    assert best["acc"] == pytest.approx(stored["early_stopping"]["current"], abs=1e-6)
    for name in ("acc", "cross", "size", "loss/mean_epoch"):
        assert last[name] == pytest.approx(logs[f"val_{name}"], abs=1e-6)
    assert best.num_samples == 17
    printed = capsys.readouterr().out
    assert re.match(r"tfaip [\d.]+", printed)
    assert "| Per second " in printed


def test_the_result_is_printed_as_json_and_stored(run_dir, capsys):
    result = validate("--export_dir", run_dir / "best")

    printed = json_in(capsys.readouterr().out)
    assert printed == {"num_samples": 17, **result}
    assert json.loads((run_dir / "best" / "lav_results.json").read_text()) == printed


def test_a_scenario_may_give_several_results(run_dir, monkeypatch, capsys):
    class InParts(LAV):
        def run(self, generator_params, *args, **kwargs):
            (params,) = generator_params
            yield from super().run([params, replace(params, number=5)], *args, **kwargs)

    monkeypatch.setattr(EvaluatedToy, "lav_cls", classmethod(lambda cls: InParts))

    result = validate("--export_dir", run_dir / "best")

    printed = capsys.readouterr().out
    both = json.loads(printed[printed.index("[") : printed.index("|")])
    assert [part["num_samples"] for part in both] == [17, 5]
    assert both[0]["acc"] == result["acc"]


def test_a_dump_evaluates_to_the_same(run_dir, tmp_path, capsys):
    result = validate("--export_dir", run_dir / "best", "--dump", tmp_path / "out", "--dump_losses")
    capsys.readouterr()

    words = ["--pred", str(tmp_path / "out"), "--scenario", str(run_dir / "best")]
    args, scenario, params = evaluate.parse_args(words)
    evaluated = evaluate.main(args.pred, scenario, params)

    assert evaluated == {"eval_acc": result["eval_acc"]}
    assert json_in(capsys.readouterr().out) == {"num_samples": 17, "eval_acc": result["eval_acc"]}
    assert EvalDataset(tmp_path / "out").labels["loss"].shape == (17,)


def test_an_empty_data_set_ends_well_and_is_marked(run_dir, tmp_path, capsys):
    result = validate("--export_dir", run_dir / "best", "--data.number", 0, "--dump", tmp_path / "out")

    assert result.is_empty
    assert json_in(capsys.readouterr().out) == {"num_samples": 0, "empty": True}
    assert len(EvalDataset(tmp_path / "out")) == 0


@pytest.mark.parametrize("option", ["--run_eagerly", "--instantiate_graph"])
def test_a_graph_from_code_gives_the_same(run_dir, option):
    assert validate("--export_dir", run_dir / "best", option) == pytest.approx(
        validate("--export_dir", run_dir / "best"), abs=1e-6
    )


def test_a_moved_export_is_validated(run_dir, tmp_path):
    there = tmp_path / "elsewhere"
    subprocess.run(["cp", "-r", run_dir / "best", there], check=True)

    moved = validate("--export_dir", there)

    assert moved == pytest.approx(validate("--export_dir", run_dir / "best"))


def test_several_models_vote(run_dir, tmp_path, capsys):
    folders = [str(run_dir / name) for name in ("best", "export", "best")]
    words = ["--export_dirs", *folders, "--lav.silent", "True", "--dump", str(tmp_path / "out")]

    result = lav_multi.main(*lav_multi.parse_args(words))

    assert set(result) == {"eval_acc"}
    assert json_in(capsys.readouterr().out) == {"num_samples": 17, **result}
    assert len(EvalDataset(tmp_path / "out")) == 17


def test_a_training_with_lav_and_its_export_agree(tmp_path):
    params, _ = Trainer.parse_trainer_params(_trained_with_lav(tmp_path))

    result = validate("--export_dir", tmp_path / "best")

    assert params.early_stopping.monitor == "lav_l0_eval_acc"
    assert result["eval_acc"] == pytest.approx(params.early_stopping.current, abs=1e-6)


def _trained_with_lav(folder):
    params = EvaluatedToy.default_trainer_params()
    params.output_dir = str(folder)
    params.scenario.print_eval_limit = 0
    params.lav_every_n = 1
    params.early_stopping.mode, params.early_stopping.monitor = "max", "lav_l0_eval_acc"
    EvaluatedToy.create_trainer(params).train()
    return str(folder)
