import numpy as np
import pytest

from tests.predict.toys import PoisonParams, SumParams, inputs, predictor_params, toy_data, toy_keras_model
from tests.predict.voting import LogitsPredictor, VotingScenario
from tests.toy.params import ToyGeneratorParams
from tests.toy.scenario import ToyScenario
from tfaip.data.pipeline.processor.params import SequentialProcessorPipelineParams
from tfaip.errors import DataError, UsageError
from tfaip.predict.multimodelpredictor import MultiModelPredictor, MultiModelVoter


class MeanVoter(MultiModelVoter):
    """Averages `y`, and notes what it saw."""

    def __init__(self):
        self.seen = []

    def vote(self, sample):
        self.seen.append(sample)
        return sample.new_outputs({"y": np.mean([o["y"] for o in sample.outputs], axis=0)})

    def finalize_sample(self, sample):
        return sample.new_meta({"models": len(sample.meta), **sample.meta[0]})


class MeanPredictor(MultiModelPredictor):
    def __init__(self, params, data, tag="", **kwargs):
        super().__init__(params, data, **kwargs)
        self.tag = tag
        self.voters = []

    def create_voter(self, data_params):
        assert data_params is self.data.params
        assert self.datas[0] is self.data
        self.voters.append(MeanVoter())
        return self.voters[-1]


def voting(datas=None, offsets=(0.0, 3.0), **kwargs):
    datas = datas or [toy_data(), toy_data(post=[SumParams()])]
    predictor = MeanPredictor(predictor_params(**kwargs), datas[0])
    predictor.set_models([toy_keras_model(offset) for offset in offsets], datas)
    return predictor


def test_models_vote_on_each_sample():
    samples = list(voting(batch_size=2).predict_raw(inputs(5)))

    assert [s.outputs["y"][0] for s in samples] == [1.5, 3.5, 5.5, 7.5, 9.5]
    assert samples[0].inputs["x"].tolist() == [0, 0, 0]
    assert samples[0].targets == {}


def test_the_voter_sees_what_each_model_says_after_its_own_post_processing():
    predictor = voting()

    (sample,) = predictor.predict(ToyGeneratorParams(number=1, first_id=4))

    (seen,) = predictor.voters[0].seen
    assert [sorted(outputs) for outputs in seen.outputs] == [["rows", "y"], ["rows", "sum", "y"]]
    assert seen.meta == [{"id": 4}, {"id": 4, "summed": 1}]  # written in place, but into its own
    assert sample.meta == {"models": 2, "id": 4}


def test_targets_are_there_if_they_are_asked_for():
    samples = list(voting(include_targets=True).predict(ToyGeneratorParams(number=2)))

    assert [sample.targets["side"].shape for sample in samples] == [(1,), (1,)]


def test_a_voter_is_made_for_each_prediction():
    predictor = voting()

    list(predictor.predict_raw(inputs(3)))
    list(predictor.predict_raw(inputs(2)))

    assert [len(voter.seen) for voter in predictor.voters] == [3, 2]


def test_one_input_at_a_time_is_voted_on():
    with voting().raw() as call:
        assert [call(x).outputs["y"][0] for x in inputs(3)] == [1.5, 3.5, 5.5]


def test_a_sample_that_a_model_drops_vanishes():
    class DropsNegative(PoisonParams):
        @staticmethod
        def cls():
            return PoisonParams.cls()

    datas = [toy_data(), toy_data(post=[DropsNegative(drops=1)])]

    assert [s.outputs["y"][0] for s in voting(datas).predict_raw(inputs(3))] == [1.5, 5.5]


def test_a_vote_that_gives_no_sample_is_named():
    predictor = voting()
    voter = MeanVoter()
    voter.vote = lambda sample: sample.outputs[0]
    predictor.create_voter = lambda data_params: voter

    with pytest.raises(DataError, match="`vote` of `MeanVoter` returned dict, a Sample is expected"):
        list(predictor.predict_raw(inputs(1)))


def test_models_and_data_belong_together():
    predictor = MeanPredictor(predictor_params(), toy_data())

    with pytest.raises(UsageError, match="2 models and 1 data"):
        predictor.set_models([toy_keras_model()] * 2, [toy_data()])
    with pytest.raises(UsageError, match="`set_models`"):
        predictor.predict_raw([])


def test_exports_vote(run_dir):
    paths = [str(run_dir / "best"), str(run_dir / "export"), str(run_dir / "export")]

    samples = list(VotingScenario.create_multi_predictor(paths, predictor_params()).predict_raw(inputs(3)))

    best, export = (
        [
            s.outputs["logits"]
            for s in ToyScenario.create_predictor(path, predictor_params()).predict_raw(inputs(3))
        ]
        for path in paths[:2]
    )
    for sample, a, b in zip(samples, best, export, strict=True):
        np.testing.assert_allclose(sample.outputs["y"], (a + 2 * b) / 3, rtol=1e-5)


def test_models_may_lie_elsewhere_than_their_params(run_dir):
    predictor = MeanPredictor.from_paths(
        [str(run_dir / "best" / "trainer_params.json")] * 2,
        predictor_params(),
        ToyScenario,
        models=[toy_keras_model(), toy_keras_model(1.0)],
        predictor_args={"tag": "mine"},
    )

    assert predictor.tag == "mine"
    assert len({id(data) for data in predictor.datas}) == 2
    assert [s.outputs["y"][0] for s in predictor.predict_raw(inputs(2))] == [0.5, 2.5]

    by_path = LogitsPredictor.from_paths(
        [str(run_dir / "best" / "trainer_params.json")],
        predictor_params(),
        ToyScenario,
        model_paths=[str(run_dir / "export" / "serve")],
    )
    assert len(list(by_path.predict_raw(inputs(2)))) == 2


def test_no_path_is_refused():
    with pytest.raises(ValueError, match="at least one export folder"):
        LogitsPredictor.from_paths([], predictor_params(), ToyScenario)


def test_exports_that_pre_process_differently_are_refused(run_dir, tmp_path):
    params = ToyScenario.params_from_path(str(run_dir / "best"))
    params.data.pre_proc = SequentialProcessorPipelineParams(processors=[])
    (tmp_path / "scenario_params.json").write_text(params.to_json())  # type: ignore[attr-defined]
    paths = [str(run_dir / "best"), str(tmp_path)]
    models = [toy_keras_model()] * 2

    with pytest.raises(
        ValueError, match=f"`{tmp_path}` pre-processes .* than `{paths[0]}`.*use_first_params"
    ):
        LogitsPredictor.from_paths(paths, predictor_params(), ToyScenario, models=models)

    LogitsPredictor.from_paths(paths, predictor_params(), ToyScenario, use_first_params=True, models=models)


def test_an_output_dir_is_no_export(run_dir):
    with pytest.raises(UsageError, match=f"Give `{run_dir}/best`"):
        VotingScenario.create_multi_predictor([str(run_dir)], predictor_params())


def test_a_scenario_without_voter_says_what_to_override(run_dir):
    with pytest.raises(UsageError, match="Override `multi_predictor_cls`"):
        ToyScenario.create_multi_predictor([str(run_dir / "best")], predictor_params())
