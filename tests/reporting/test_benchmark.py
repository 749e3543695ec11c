import pytest

from tfaip.reporting.benchmark import BenchmarkResults


def test_batches_are_added_up():
    results = BenchmarkResults()

    results.finish_batch(16, 0.5)
    results.finish_batch(4, 1.5)

    assert (results.n_batches, results.n_samples) == (2, 20)
    assert results.avg_time_per_batch == pytest.approx(1.0)
    assert results.avg_time_per_sample == pytest.approx(0.1)
    assert results.batches_per_second == pytest.approx(1.0)
    assert results.samples_per_second == pytest.approx(10.0)


def test_duration_of_an_epoch_replaces_the_sum():
    results = BenchmarkResults()
    results.finish_batch(16, 0.5)

    results.finish_epoch(4.0, samples=8)

    assert results.total_time == 4.0
    assert results.samples_per_second == pytest.approx(2.0)


def test_no_batches_are_no_error():
    results = BenchmarkResults()

    results.finish_epoch(0.0)

    assert results.samples_per_second == 0
    assert "0 batches" in results.summary()


def test_table_is_printed_and_returned(capsys):
    results = BenchmarkResults()
    results.finish_batch(16, 0.5)

    assert results.pretty_print(None).count("\n") == 4
    assert capsys.readouterr().out == ""
    results.pretty_print()
    assert "Per second" in capsys.readouterr().out
