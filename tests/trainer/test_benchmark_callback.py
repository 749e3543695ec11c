from types import SimpleNamespace

import pytest

from tfaip.trainer.callbacks import benchmark_callback
from tfaip.trainer.callbacks.benchmark_callback import BenchmarkCallback


@pytest.fixture
def seconds(monkeypatch):
    """The clock; a test turns its hand."""
    hand = [0.0]
    monkeypatch.setattr(benchmark_callback.time, "perf_counter", lambda: hand[0])
    return hand


def run(seconds, *, epochs, validate):
    """Return a callback that saw a training of 10 batches an epoch in calls of 4, 4 and 2 steps."""
    callback = BenchmarkCallback(SimpleNamespace(extracted_logs={}))
    model = SimpleNamespace(sample_count=0)
    callback.set_model(model)
    callback.on_train_begin({})
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch, {})
        for start, end in [(0, 3), (4, 7), (8, 9)]:
            callback.on_train_batch_begin(start, {})
            seconds[0] += 1
            callback.on_train_batch_end(end, {})
        model.sample_count = 160
        if validate:
            callback.on_test_begin({})
            seconds[0] += 7
            callback.on_test_batch_end(4, {})
            model.sample_count = 70
            callback.on_test_end({})
        callback.on_epoch_end(epoch, {})
    callback.on_train_end({})
    return callback


@pytest.mark.parametrize("validate", [True, False])
def test_batches_of_calls_with_many_steps_are_counted(seconds, validate):
    results = run(seconds, epochs=1, validate=validate).last_train_results

    assert (results.n_batches, results.n_samples) == (10, 160)
    assert results.total_time == pytest.approx(3.0)
    assert results.samples_per_second == pytest.approx(160 / 3)


def test_a_validation_within_an_epoch_does_not_count_for_it(seconds):
    callback = BenchmarkCallback(SimpleNamespace(extracted_logs={}))
    callback.set_model(SimpleNamespace(sample_count=80))
    callback.on_epoch_begin(0, {})
    for number in range(2):
        seconds[0] += 1
        callback.on_train_batch_end(number, {})
        if number == 0:
            callback.on_test_begin({})
            seconds[0] += 7
            callback.on_test_end({})
    callback.on_epoch_end(0, {})

    results = callback.last_train_results
    assert (results.n_batches, results.n_samples, results.total_time) == pytest.approx((2, 80, 2.0))
    shown = callback.extracted_logs_cb.extracted_logs
    assert shown == pytest.approx({"steps_per_second": 1.0, "samples_per_second": 40.0})


def test_only_what_a_run_has_done_of_an_epoch_counts(seconds):
    callback = BenchmarkCallback(SimpleNamespace(extracted_logs={}))
    model = SimpleNamespace(sample_count=48)
    callback.set_model(model)
    callback.on_epoch_begin(0, {})
    callback.on_epoch_resumed(0, 6)
    seconds[0] += 2
    callback.on_train_batch_end(9, {})
    model.sample_count = 80
    callback.on_epoch_end(0, {})

    assert (callback.last_train_results.n_batches, callback.last_train_results.n_samples) == (4, 32)


def test_validation_is_measured_apart(seconds):
    results = run(seconds, epochs=2, validate=True).last_test_results

    assert (results.n_batches, results.n_samples) == (5, 70)
    assert results.total_time == pytest.approx(7.0)


def test_a_line_each_epoch_and_a_table_at_the_end_are_logged(seconds, caplog):
    caplog.set_level("INFO")

    run(seconds, epochs=2, validate=False)

    messages = [record.getMessage() for record in caplog.records]
    assert [m for m in messages if m.startswith("Speed of training: 10 batches, 160 samples")]
    assert [m.split()[3] for m in messages if "Count" in m] == ["20"]


def test_samples_are_taken_from_the_extracted_logs_without_a_count_of_the_model(seconds):
    callback = BenchmarkCallback(SimpleNamespace(extracted_logs={"count": 12}))
    callback.set_model(SimpleNamespace())

    callback.on_epoch_begin(0, {})
    callback.on_train_batch_end(2, {})
    callback.on_epoch_end(0, {})

    assert callback.last_train_results.n_samples == 12
