import logging

import numpy as np
import pytest

from tests.lav.toys import EvaluatedToy, Records, create_lav, lav_params, run, validation_samples
from tests.toy.scenario import ToyScenario
from tfaip.errors import UsageError
from tfaip.lav.callbacks.dump_results import DumpResultsCallback
from tfaip.lav.multilav import MultiLAV
from tfaip.predict.dumps import EvalDataset
from tfaip.predict.params import PredictorParams


def create_multi_lav(*folders, **kwargs):
    paths = [str(folder) for folder in folders]
    params = lav_params("", **kwargs)
    params.model_path = paths
    return EvaluatedToy.create_multi_lav(params, EvaluatedToy.params_from_path(paths[0]))


def test_one_model_three_times_votes_as_it_does_alone(export_dir):
    (alone,) = run(create_lav(export_dir))

    (result,) = create_multi_lav(*[export_dir] * 3).run(validation_samples())

    assert dict(result) == {"eval_acc": alone["eval_acc"]}
    assert result.num_samples == 20


def test_the_evaluator_sees_the_vote(run_dir, tmp_path):
    folders = [run_dir / "best", run_dir / "export", run_dir / "export"]
    dumps = []
    for number, folder in enumerate(folders):
        run(create_lav(folder), callbacks=[DumpResultsCallback(tmp_path / str(number))])
        dumps.append(EvalDataset(tmp_path / str(number)))

    (result,) = create_multi_lav(*folders).run(
        validation_samples(), callbacks=[DumpResultsCallback(tmp_path / "voted")]
    )

    voted = EvalDataset(tmp_path / "voted")
    expected = [np.sum([d["logits"] for d in one], axis=0).argmax() for one in zip(*dumps, strict=True)]
    assert [item["side"] for item in (s.outputs for s in voted.samples())] == expected
    right = [d["targets/side"][0] == side for d, side in zip(dumps[0], expected, strict=True)]
    assert result["eval_acc"] == sum(right) / 20
    assert voted.result == dict(result)


def test_several_data_sets_have_a_result_each(export_dir):
    lav = create_multi_lav(export_dir, export_dir)

    results = list(lav.run([validation_samples(), validation_samples(5)]))

    assert [result.num_samples for result in results] == [20, 5]
    assert lav.benchmark_results.n_samples == 5


def test_callbacks_are_told_and_samples_printed(export_dir, caplog):
    records = Records()
    lav = create_multi_lav(export_dir, export_dir, print_samples=True)

    with caplog.at_level(logging.INFO):
        (result,) = lav.run(validation_samples(2), callbacks=[records])

    assert records.events == ["start", dict(result), "close"]
    assert records.model is None
    assert [[meta["id"] for meta in sample.meta] for sample in records.samples] == [[1000] * 2, [1001] * 2]
    assert sum("targets: {'side'" in r.getMessage() for r in caplog.records) == 2


def test_an_empty_data_set_is_marked(export_dir, caplog):
    (result,) = create_multi_lav(export_dir, export_dir).run(validation_samples(0))

    assert result.is_empty
    assert "no samples to validate on" in caplog.text


def test_an_error_in_the_evaluator_is_raised(export_dir, monkeypatch):
    def fail(self, sample):
        raise ZeroDivisionError("broken evaluator")

    monkeypatch.setattr("tests.lav.toys.ToyEvaluator.update_state", fail)

    with pytest.raises(ZeroDivisionError, match="broken evaluator"):
        list(create_multi_lav(export_dir, export_dir).run(validation_samples()))


def test_a_scenario_without_voter_says_what_to_override(export_dir):
    params = lav_params("")
    params.model_path = [str(export_dir)] * 2

    with pytest.raises(UsageError, match="multi_predictor_cls"):
        ToyScenario.create_multi_lav(params, ToyScenario.default_params())


def test_one_path_is_not_enough(export_dir):
    with pytest.raises(UsageError, match="folders of several exports"):
        MultiLAV(lav_params(export_dir), EvaluatedToy.default_params(), PredictorParams())
