from dataclasses import dataclass

import pytest
from paiargparse import pai_dataclass

from tfaip.data.pipeline.definitions import Sample
from tfaip.evaluator.evaluator import EvaluatorBase
from tfaip.evaluator.params import EvaluatorParams


@pai_dataclass
@dataclass
class CountParams(EvaluatorParams):
    step: int = 2


class Count(EvaluatorBase[CountParams]):
    count = 0

    def __enter__(self):
        self.count = 0
        return self

    def update_state(self, sample):
        self.count += self.params.step

    def result(self):
        return {"count": self.count}


def test_params_class_is_what_was_put_in():
    assert Count.params_cls() is CountParams
    assert Count.default_params() == CountParams()
    assert EvaluatorBase.params_cls() is EvaluatorParams


def test_an_evaluation_begins_anew_each_time():
    evaluator = Count(Count.default_params())
    for _ in range(2):
        with evaluator:
            evaluator.update_state(Sample())

    assert evaluator.result() == {"count": 2}


def test_the_base_measures_nothing():
    with EvaluatorBase(EvaluatorParams()) as evaluator:
        evaluator.update_state(Sample())

    assert evaluator.result() == {}


def test_unknown_arguments_are_named():
    with pytest.raises(TypeError, match=r"Count does not know \['codec'\].*`additional_evaluator_kwargs`"):
        Count(CountParams(), codec=1)
