import numpy as np
import pytest

from scenarios.tutorial.full.metric import TrueClassProbability


def test_metric_is_the_mean_probability_of_the_true_class():
    metric = TrueClassProbability()
    probabilities = np.array([[0.7, 0.3], [0.4, 0.6]], np.float32)

    value = metric(np.array([[0], [0]]), probabilities)

    assert float(value) == pytest.approx((0.7 + 0.4) / 2)


def test_weights_count():
    metric = TrueClassProbability()
    probabilities = np.array([[0.7, 0.3], [0.4, 0.6]], np.float32)

    value = metric(np.array([[0], [0]]), probabilities, sample_weight=np.array([1.0, 0.0]))

    assert float(value) == pytest.approx(0.7)
