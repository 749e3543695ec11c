"""Label: lives in `tfaip.params.json_codec`."""

from tfaip.params.json_codec import TFAIPJsonDecoder as TFAIPJsonDecoder
from tfaip.params.json_codec import TFAIPJsonEncoder as TFAIPJsonEncoder
