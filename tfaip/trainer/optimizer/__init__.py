"""The optimizers that `--optimizer` knows by name."""

from tfaip.trainer.optimizer.keras_params import AdafactorOptimizer as AdafactorOptimizer
from tfaip.trainer.optimizer.keras_params import AdamWOptimizer as AdamWOptimizer
from tfaip.trainer.optimizer.keras_params import KerasOptimizer as KerasOptimizer
from tfaip.trainer.optimizer.keras_params import LionOptimizer as LionOptimizer
from tfaip.trainer.optimizer.keras_params import MuonOptimizer as MuonOptimizer
from tfaip.trainer.optimizer.keras_params import NadamOptimizer as NadamOptimizer
from tfaip.trainer.optimizer.keras_params import (
    ScheduleFreeAdamWOptimizer as ScheduleFreeAdamWOptimizer,
)
from tfaip.trainer.optimizer.optimizers import AdaBeliefOptimizer as AdaBeliefOptimizer
from tfaip.trainer.optimizer.optimizers import AdamaxOptimizer as AdamaxOptimizer
from tfaip.trainer.optimizer.optimizers import AdamOptimizer as AdamOptimizer
from tfaip.trainer.optimizer.optimizers import LAMBOptimizer as LAMBOptimizer
from tfaip.trainer.optimizer.optimizers import OptimizerParams as OptimizerParams
from tfaip.trainer.optimizer.optimizers import RMSpropOptimizer as RMSpropOptimizer
from tfaip.trainer.optimizer.optimizers import SGDOptimizer as SGDOptimizer

DEFAULT_OPTIMIZERS = [
    AdamOptimizer,
    AdamaxOptimizer,
    RMSpropOptimizer,
    SGDOptimizer,
    AdaBeliefOptimizer,
    LAMBOptimizer,
    AdamWOptimizer,
    NadamOptimizer,
    LionOptimizer,
    AdafactorOptimizer,
    MuonOptimizer,
    ScheduleFreeAdamWOptimizer,
    KerasOptimizer,
]
