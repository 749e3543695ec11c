"""The learning-rate schedules that `--learning_rate` knows by name."""

from tfaip.trainer.scheduler.constant_params import Constant as Constant
from tfaip.trainer.scheduler.cosine_decay_params import CosineDecayParams as CosineDecayParams
from tfaip.trainer.scheduler.cosine_decay_params import (
    WarmupConstantCosineDecayParams as WarmupConstantCosineDecayParams,
)
from tfaip.trainer.scheduler.cosine_decay_params import (
    WarmupCosineDecayParams as WarmupCosineDecayParams,
)
from tfaip.trainer.scheduler.cycles_params import CyclicParams as CyclicParams
from tfaip.trainer.scheduler.cycles_params import OneCycleParams as OneCycleParams
from tfaip.trainer.scheduler.exponential_decay_params import (
    ExponentialDecayParams as ExponentialDecayParams,
)
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams as LearningRateParams
from tfaip.trainer.scheduler.piecewise_params import PiecewiseParams as PiecewiseParams
from tfaip.trainer.scheduler.polynomial_params import LinearParams as LinearParams
from tfaip.trainer.scheduler.polynomial_params import PolynomialParams as PolynomialParams
from tfaip.trainer.scheduler.reduce_on_plateau_params import (
    ReduceOnPlateauParams as ReduceOnPlateauParams,
)
from tfaip.trainer.scheduler.warmup_decay_params import WarmupDecayParams as WarmupDecayParams

DEFAULT_SCHEDULES = [
    WarmupCosineDecayParams,
    WarmupConstantCosineDecayParams,
    CosineDecayParams,
    Constant,
    ExponentialDecayParams,
    WarmupDecayParams,
    LinearParams,
    PolynomialParams,
    PiecewiseParams,
    CyclicParams,
    OneCycleParams,
    ReduceOnPlateauParams,
]
