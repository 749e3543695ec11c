"""Label: lives in `tfaip.data.packbits`."""

from tfaip.data.packbits import packbits as packbits
from tfaip.data.packbits import packsize as packsize
from tfaip.data.packbits import unpackbits as unpackbits
