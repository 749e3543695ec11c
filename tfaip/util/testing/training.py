"""Label: lives in `tfaip.testing.training`."""

from tfaip.testing.training import AdditionalTrainerArgs as AdditionalTrainerArgs
from tfaip.testing.training import debug_test as debug_test
from tfaip.testing.training import lav_test_case as lav_test_case
from tfaip.testing.training import resume_training as resume_training
from tfaip.testing.training import single_train_iter as single_train_iter
from tfaip.testing.training import warmstart_training_test_case as warmstart_training_test_case
