import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.predict.toys import PoisonParams, SumParams, inputs, predictor_params, toy_data, toy_predictor
from tests.toy.params import ToyGeneratorParams
from tests.toy.scenario import ToyScenario
from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.datagenerator import DataGenerator
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.tfdatasetgenerator import TFDatasetGenerator
from tfaip.errors import DataError, StorageError, UsageError
from tfaip.predict.dumps import DumpWriter, EvalDataset
from tfaip.predict.params import PredictorParams
from tfaip.predict.predictor import Predictor


class PromisingGenerator(DataGenerator):
    """Says 10, yields 4."""

    def __len__(self):
        return 10

    def generate(self):
        return (Sample(inputs=x, meta={"id": i}) for i, x in enumerate(inputs(4)))


class PromisingParams(DataGeneratorParams):
    def create(self, mode):
        return PromisingGenerator(mode, self)


def firsts(samples):
    return [float(sample.outputs["y"][0]) for sample in samples]


def reader_threads():
    return [t for t in threading.enumerate() if t.name == "tfaip-read-ahead"]


@pytest.mark.parametrize("prefetch", [0, 1, 32])
@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_raw_inputs_are_predicted_in_order(batch_size, prefetch):
    predictor = toy_predictor(batch_size=batch_size, prefetch=prefetch)

    assert firsts(predictor.predict_raw(inputs(50))) == [2 * i for i in range(50)]
    assert reader_threads() == []


def test_samples_have_arrays_without_batch_axis():
    (sample,) = toy_predictor().predict_raw(inputs(1, first=3))

    assert sample.inputs["x"].tolist() == [3, 3, 3]
    assert sample.outputs["y"].tolist() == [6, 6, 6]
    assert (sample.targets, sample.meta) == ({}, {})


def test_a_generator_is_predicted_with_its_meta_data():
    samples = list(toy_predictor().predict(ToyGeneratorParams(number=5, first_id=7)))

    assert [sample.meta for sample in samples] == [{"id": i} for i in range(7, 12)]
    assert all(sample.targets == {} for sample in samples)


def test_targets_are_there_if_they_are_asked_for():
    predictor = toy_predictor(include_targets=True)

    samples = list(predictor.predict(ToyGeneratorParams(number=3)))

    assert predictor.params.pipeline.mode == PipelineMode.EVALUATION
    assert [sample.targets["side"].shape for sample in samples] == [(1,)] * 3
    assert firsts(predictor.predict_raw(inputs(2))) == [0, 2]  # which have none


def test_samples_are_post_processed_and_dropped_ones_vanish():
    predictor = toy_predictor(pre=[PoisonParams(drops=1)], post=[SumParams()])

    samples = list(predictor.predict_raw(inputs(3)))

    assert [(s.outputs["sum"], s.meta) for s in samples] == [(0.0, {"summed": 1}), (12.0, {"summed": 1})]


def test_the_limit_counts():
    assert firsts(toy_predictor(limit=3).predict_raw(inputs(9))) == [0, 2, 4]


def test_nothing_happens_before_the_first_sample_is_asked_for():
    def never():
        raise AssertionError
        yield

    toy_predictor().predict_raw(never())

    assert reader_threads() == []


def test_inputs_are_read_as_they_are_needed_and_threads_end_when_the_reader_stops():
    read = []

    def endless():
        i = 0
        while True:
            read.append(i)
            yield {"x": np.full(3, i, "float32")}
            i += 1

    samples = toy_predictor(batch_size=2, prefetch=2).predict_raw(endless())

    assert firsts(next(samples) for _ in range(5)) == [0, 2, 4, 6, 8]
    time.sleep(0.1)
    assert len(read) < 60
    samples.close()
    assert reader_threads() == []


def test_a_forgotten_prediction_ends_its_threads():
    samples = toy_predictor().predict_raw(inputs(1000))
    next(samples)

    del samples
    gc.collect()

    assert reader_threads() == []


@pytest.mark.timeout(20)
def test_a_result_comes_before_the_next_input_is_read():
    arrived = threading.Event()

    def waiting():
        for x in inputs(3):
            yield x
            assert arrived.wait(10)
            arrived.clear()

    for _ in toy_predictor(batch_size=1).predict_raw(waiting()):
        arrived.set()


@pytest.mark.parametrize("prefetch", [0, 32])
def test_an_error_in_a_processor_is_raised_after_the_samples_before_it(prefetch):
    predictor = toy_predictor(pre=[PoisonParams(raises=5)], batch_size=2, prefetch=prefetch)
    seen = []

    with pytest.raises(DataError, match="`Poison` failed at sample 5 with ValueError: poison"):
        seen.extend(firsts([s]) for s in predictor.predict_raw(inputs(9)))

    assert seen == [[0], [2], [4], [6]]
    assert reader_threads() == []


def test_an_error_of_the_model_is_raised():
    x = keras.Input((3,), name="x")
    checked = keras.layers.Lambda(lambda t: tf.debugging.check_numerics(t, "not a number"))(x)
    predictor = toy_predictor(keras.Model({"x": x}, {"y": checked}))

    with pytest.raises(DataError, match="The exported model failed on a batch of `x`"):
        list(predictor.predict_raw([{"x": np.full(3, np.nan, "float32")}]))


def test_a_generator_that_breaks_its_promise_is_reported(caplog):
    with caplog.at_level(logging.WARNING):
        samples = list(toy_predictor(progress_bar=True).predict(PromisingParams()))

    assert len(samples) == 4
    assert "yielded 4 of 10 samples" in caplog.text


def test_nothing_is_predicted_of_nothing():
    predictor = toy_predictor(progress_bar=True)

    assert list(predictor.predict_raw([])) == []
    assert list(predictor.predict(ToyGeneratorParams(number=0))) == []
    assert "0 samples" in predictor.benchmark_results.summary()


def test_samples_without_extent_are_predicted():
    x = keras.Input((None, 3), name="x")
    predictor = toy_predictor(keras.Model({"x": x}, {"y": keras.layers.Rescaling(2.0)(x)}))
    predictor.data._input_layer_specs = lambda: {"x": tf.TensorSpec((None, 3), "float32")}

    (empty, full) = predictor.predict_raw([{"x": np.zeros((n, 3), "float32")} for n in (0, 2)])

    assert empty.outputs["y"].shape == full.outputs["y"].shape == (2, 3)


def test_ready_batches_are_predicted_without_processing():
    predictor = toy_predictor(post=[SumParams()])
    batch = {"x": np.ones((2, 3), "float32")}, {"meta": [[b'{"id": 1}'], [b'{"id": 2}']]}
    dataset = tf.data.Dataset.from_tensors(batch)

    for batches in (dataset, list(dataset), [(batch[0], {"meta": np.array(batch[1]["meta"], object)})]):
        samples = list(predictor.predict_dataset(batches))

        assert [(s.outputs["y"].tolist(), s.meta) for s in samples] == [
            ([2, 2, 2], {"id": 1}),
            ([2, 2, 2], {"id": 2}),
        ]


def test_ready_batches_may_have_targets():
    batch = {"x": np.ones((1, 3))}, {"side": np.ones((1, 1))}, {"meta": np.array([[b"{}"]], object)}

    (sample,) = toy_predictor(include_targets=True).predict_dataset([batch])

    assert sample.targets["side"].tolist() == [1]


def test_a_wrong_batch_is_described():
    x = np.ones((1, 3))
    expected = r"must be a tuple of dicts, \(inputs, meta\) .*, got "
    for batch, got in (
        ({"x": x}, "dict"),
        (({"x": x},), r"tuple of \(dict\)"),
        ((x, x), "tuple of .ndarray"),
    ):
        with pytest.raises(DataError, match=expected + got):
            list(toy_predictor().predict_dataset([batch]))


def test_a_pipeline_is_predicted():
    predictor = toy_predictor()
    pipeline = predictor.data.create_pipeline(predictor.params.pipeline, ToyGeneratorParams(number=3))

    assert len(list(predictor.predict_pipeline(pipeline))) == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.predict(ToyGeneratorParams()),
        lambda p: p.predict_raw([]),
        lambda p: p.predict_dataset([]),
        lambda p: p.raw(),
    ],
)
def test_a_predictor_without_model_says_so(call):
    with pytest.raises(ValueError, match="`set_model`"):
        call(Predictor(predictor_params(), toy_data()))


def test_constructor_arguments_that_nobody_took_are_named():
    with pytest.raises(TypeError, match=r"\['more'\].*static_predictor_kwargs"):
        Predictor(predictor_params(), toy_data(), more=1)


def test_the_last_batch_may_not_be_dropped():
    params = predictor_params()
    params.pipeline.batch_drop_remainder = True

    with pytest.raises(UsageError, match="batch_drop_remainder"):
        Predictor(params, toy_data())


def test_each_sample_is_printed_unless_silent(caplog):
    with caplog.at_level(logging.INFO):
        list(toy_predictor(silent=True).predict_raw(inputs(2)))
        assert "Prediction" not in caplog.text
        list(toy_predictor(silent=False).predict_raw([{"x": np.array([0, 1, 2], "float32")}]))

    assert "Prediction: y mean 2 max 4 min 0, rows mean 1 max 1 min 1" in caplog.text


class Hooked(Predictor):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seen = []

    def _on_sample_end(self, outputs):
        self.seen.append(float(outputs.outputs["y"][0]))

    def _on_step_end(self, outputs):
        self.seen.append(outputs.outputs["y"].shape)

    def _on_predict_end(self):
        self.seen.append("end")

    def _print_prediction(self, sample, print_fn):
        self.seen.append("print")


def test_hooks_see_batches_samples_and_the_end():
    predictor = toy_predictor(cls=Hooked, silent=False, batch_size=2)
    assert isinstance(predictor, Hooked)

    list(predictor.predict_raw(inputs(3)))

    assert predictor.seen == [(2, 3), 0.0, "print", 2.0, "print", (1, 3), 4.0, "print", "end"]


def test_what_was_measured_can_be_read():
    predictor = toy_predictor(batch_size=2)

    list(predictor.predict_raw(inputs(5)))

    results = predictor.benchmark_results
    assert (results.n_batches, results.n_samples) == (3, 5)
    assert results.samples_per_second > 0
    assert "Per second" in results.pretty_print(None)


def test_the_bar_counts_samples_with_their_rate(capsys):
    list(toy_predictor(progress_bar=True, batch_size=2).predict_raw(inputs(5)))
    known = capsys.readouterr().err
    list(toy_predictor(progress_bar=True, batch_size=2).predict_raw(iter(inputs(5))))
    unknown = capsys.readouterr().err
    list(toy_predictor(progress_bar=True, batch_size=2).predict_raw(iter(inputs(5)), size=5))
    said = capsys.readouterr().err

    assert "Predict, 5/5 samples (100 %)" in known
    assert "samples/s" in known
    assert "Predict, 5 samples, " in unknown
    assert "Predict, 5/5 samples (100 %)" in said


def test_the_model_can_be_asked_for(keras_model, export_dir):
    predictor = toy_predictor(keras_model)
    assert predictor.model is keras_model

    predictor.set_model(export_dir)
    assert predictor.model({"x": np.zeros((2, 3), "float32")})["logits"].shape == (2, 2)


def test_an_export_predicts(export_dir):
    params = PredictorParams(silent=True, progress_bar=False)

    for predictor in (
        ToyScenario.create_predictor(str(export_dir), params),
        ToyScenario.create_predictor(export_dir),
    ):
        (sample,) = predictor.predict_raw(inputs(1))

        assert sample.outputs["probability"].sum() == pytest.approx(1)


def test_an_export_that_was_moved_predicts_the_same(run_dir, tmp_path):
    import shutil

    shutil.copytree(run_dir / "best", tmp_path / "moved")
    predictors = [
        ToyScenario.create_predictor(str(p), predictor_params())
        for p in (run_dir / "best", tmp_path / "moved")
    ]

    here, there = (list(p.predict(ToyGeneratorParams(number=9))) for p in predictors)

    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.outputs["logits"], other.outputs["logits"])


def test_a_checkpoint_is_no_export(run_dir):
    with pytest.raises(UsageError, match=f"Give `{run_dir}/best`"):
        ToyScenario.create_predictor(str(run_dir))


def test_a_missing_export_is_named(tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        ToyScenario.create_predictor(str(tmp_path / "nowhere"))


@pytest.mark.slow
def test_memory_stays_flat_over_100_000_samples_that_are_dumped(tmp_path):
    import resource

    samples = toy_predictor(batch_size=64).predict_raw({"x": np.zeros(3, "float32")} for _ in range(100_000))
    peaks = []

    with DumpWriter(tmp_path / "out.dump") as dump:
        for number, sample in enumerate(samples):
            dump.add(sample)
            if number in (20_000, 99_999):
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    assert peaks[1] - peaks[0] < 20_000  # KiB
    assert len(EvalDataset(tmp_path / "out.dump")) == 100_000


DUMP_AND_DIE = """
import os, signal, sys
import numpy as np
from tests.predict.toys import toy_predictor
from tfaip.predict.dumps import DumpWriter

samples = toy_predictor(batch_size=64).predict_raw({"x": np.zeros(3, "float32")} for _ in range(100_000))
with DumpWriter(sys.argv[1]) as dump:
    for number, sample in enumerate(samples):
        dump.add(sample)
        if number == 50_000:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.nightly
def test_a_prediction_killed_at_half_leaves_the_old_dump_and_a_new_one_that_is_clearly_unfinished(tmp_path):
    path = tmp_path / "out.dump"
    with DumpWriter(path) as dump:
        dump.add(next(toy_predictor().predict_raw([{"x": np.zeros(3, "float32")}])))
    before = path.read_bytes()
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TF_CPP_MIN_LOG_LEVEL": "3"}

    killed = subprocess.run([sys.executable, "-c", DUMP_AND_DIE, str(path)], env=env, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert len(EvalDataset(path)) == 1
    with pytest.raises(StorageError, match="was not completed"):
        EvalDataset(tmp_path / "out.dump.unfinished")
    with DumpWriter(path) as dump:
        dump.add(next(toy_predictor().predict_raw([{"x": np.zeros(3, "float32")}])))
    assert [file.name for file in tmp_path.iterdir()] == ["out.dump"]


class Doubling(TFDatasetGenerator):
    """Changes samples with TensorFlow."""

    def _transform(self, dataset):
        return dataset.map(lambda inputs, meta: ({"x": 10 * inputs["x"]}, meta))


class OwnPipeline(DataPipeline):
    """Knows only its own kind of generator params."""

    def create_data_generator(self):
        return self.generator_params.of_my_own()  # type: ignore[attr-defined]

    def _create_tf_dataset_generator(self):
        return Doubling(self)


def test_a_pipeline_of_the_scenario_changes_raw_inputs_too():
    predictor = toy_predictor(post=[SumParams()], pre=[PoisonParams(drops=2)])
    predictor.data.data_pipeline_cls = lambda: OwnPipeline  # type: ignore[method-assign]

    assert [s.outputs["sum"] for s in predictor.predict_raw(inputs(4))] == [0, 60, 180]
    with predictor.raw() as call:
        assert call(inputs(2)[1]).outputs["sum"] == 60
        with pytest.raises(DataError, match="dropped"):
            call(inputs(3)[2])


def test_samples_of_similar_length_are_predicted_together():
    x = keras.Input((None,), name="x")
    predictor = toy_predictor(keras.Model({"x": x}, {"y": keras.layers.Rescaling(2.0)(x)}), batch_size=2)
    predictor.data._input_layer_specs = lambda: {"x": tf.TensorSpec((None,), "float32")}
    predictor.data.element_length_fn = lambda: lambda inputs: inputs["x"].shape[0]
    predictor.params.pipeline.bucket_boundaries = [3]

    samples = list(predictor.predict_raw([{"x": np.full(n, n, "float32")} for n in (1, 5, 2, 6)]))

    assert sorted((s.outputs["y"][0], s.outputs["y"].size) for s in samples) == [
        (2, 2),
        (4, 2),
        (10, 6),
        (12, 6),
    ]
