"""Label: lives in `tfaip.params.parser` and `tfaip.params.post_init`."""

from tfaip.params.parser import TFAIPArgumentParser as TFAIPArgumentParser
from tfaip.params.parser import TFAIPDataClassArgumentParser as TFAIPDataClassArgumentParser
from tfaip.params.post_init import post_init as post_init
