"""The learning-rate schedules that `--learning_rate` knows by name."""

from tfaip.trainer.scheduler.constant_params import Constant as Constant
from tfaip.trainer.scheduler.cosine_decay_params import CosineDecayParams as CosineDecayParams
from tfaip.trainer.scheduler.cosine_decay_params import (
    WarmupConstantCosineDecayParams as WarmupConstantCosineDecayParams,
)
from tfaip.trainer.scheduler.cosine_decay_params import (
    WarmupCosineDecayParams as WarmupCosineDecayParams,
)
from tfaip.trainer.scheduler.exponential_decay_params import (
    ExponentialDecayParams as ExponentialDecayParams,
)
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams as LearningRateParams

DEFAULT_SCHEDULES = [
    WarmupCosineDecayParams,
    WarmupConstantCosineDecayParams,
    CosineDecayParams,
    Constant,
    ExponentialDecayParams,
]
