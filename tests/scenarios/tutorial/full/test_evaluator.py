import numpy as np

from scenarios.tutorial.full.evaluator import FullEvaluator
from tfaip.data.pipeline.definitions import Sample
from tfaip.evaluator.params import EvaluatorParams


def sample(*, target, predicted):
    return Sample(targets={"gt": np.array([target])}, outputs={"class": np.int64(predicted)})


def test_result_is_the_share_of_right_classes():
    evaluator = FullEvaluator(EvaluatorParams())

    with evaluator:
        for target, predicted in ((1, 1), (2, 3), (4, 4), (5, 5)):
            evaluator.update_state(sample(target=target, predicted=predicted))

    assert evaluator.result() == {"eval_acc": 0.75}


def test_each_block_counts_anew():
    evaluator = FullEvaluator(EvaluatorParams())
    with evaluator:
        evaluator.update_state(sample(target=1, predicted=2))

    with evaluator:
        evaluator.update_state(sample(target=1, predicted=1))

    assert evaluator.result() == {"eval_acc": 1.0}


def test_no_sample_is_no_crash():
    with FullEvaluator(EvaluatorParams()) as evaluator:
        assert evaluator.result() == {"eval_acc": 0}
