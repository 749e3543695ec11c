"""Label: lives in `tfaip.testing.workdir`."""

from tfaip.testing.workdir import call_in_root as call_in_root
from tfaip.testing.workdir import workdir_path as workdir_path
from tfaip.testing.workdir import workdir_path_with_path as workdir_path_with_path
