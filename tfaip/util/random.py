"""Label: lives in `tfaip.trainer.seeds`."""

from tfaip.trainer.seeds import set_global_random_seed as set_global_random_seed
