"""A scenario whose trainer trains nothing, so that the commands can be tested without TensorFlow."""

import logging
from dataclasses import dataclass
from typing import Any

from paiargparse import pai_dataclass

from tests.toy.params import ToyPipelineParams
from tests.toy.scenario import ToyScenario
from tfaip.errors import DataError, UsageError

logger = logging.getLogger(__name__)


@pai_dataclass
@dataclass
class PipelineWithoutValidation(ToyPipelineParams):
    """Samples for training only."""

    def val_gen(self) -> Any:
        return None


class LightScenario(ToyScenario):
    """The toy, but `train` only says what it was called with; the log level chooses how it ends."""

    @classmethod
    def create_trainer(cls, trainer_params: Any, restore: bool = False) -> Any:
        return LightTrainer(trainer_params, restore)


class WithoutValidation(LightScenario):
    """Has nothing to validate."""

    @classmethod
    def trainer_pipeline_params_cls(cls):
        return PipelineWithoutValidation


class LightTrainer:
    def __init__(self, params: Any, restore: bool) -> None:
        self.params = params
        self.restore = restore

    def train(self) -> dict[str, Any]:
        logger.info("Training %d epochs", self.params.epochs)
        failure = FAILURES.get(self.params.no_train_scope)
        if failure is not None:
            raise failure
        return {"params": self.params, "restore": self.restore}


# By `--trainer.no_train_scope`: what goes wrong in a training.
FAILURES: dict[str | None, BaseException] = {
    "usage": UsageError("The training data are empty."),
    "data": DataError("Sample `a` has no key `x`.\nIt has `y`."),
    "bug": RuntimeError("a bug"),
    "interrupt": KeyboardInterrupt(),
}
