"""Label: lives in `tfaip.workers.ordered_map` and `tfaip.progress`."""

from tfaip.progress import tqdm_wrapper as tqdm_wrapper
from tfaip.workers.ordered_map import parallel_map as parallel_map
