"""The optimizers that `--optimizer` knows by name."""

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
]
