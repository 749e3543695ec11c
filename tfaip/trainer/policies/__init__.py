"""Policies: what follows a training and decides something, light and without Keras."""

from tfaip.errors import EarlyStopping as EarlyStopping
from tfaip.trainer.policies.policy import Policy as Policy
from tfaip.trainer.policies.policy_params import PolicyParams as PolicyParams
from tfaip.trainer.policies.stopping_params import LossExplodesParams as LossExplodesParams
from tfaip.trainer.policies.stopping_params import TrainLossBelowParams as TrainLossBelowParams
from tfaip.trainer.policies.value_params import Constant as Constant
from tfaip.trainer.policies.value_params import Exponential as Exponential
from tfaip.trainer.policies.value_params import Lambda as Lambda
from tfaip.trainer.policies.value_params import Linear as Linear
from tfaip.trainer.policies.value_params import OnPlateau as OnPlateau
from tfaip.trainer.policies.value_params import Schedule as Schedule
from tfaip.trainer.policies.value_params import Switch as Switch
from tfaip.trainer.policies.value_params import ValueParams as ValueParams
from tfaip.trainer.policies.values import ValuePolicy as ValuePolicy

DEFAULT_POLICIES = [
    TrainLossBelowParams,
    LossExplodesParams,
    Constant,
    Exponential,
    Schedule,
    Switch,
    Lambda,
    Linear,
    OnPlateau,
]
