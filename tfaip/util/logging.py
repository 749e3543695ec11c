"""Label: lives in `tfaip.logs`. Unlike in tfaip 1.x, importing it sets nothing up."""

from tfaip.logs import FORMAT as FORMAT
from tfaip.logs import TFAIP_LOG_LEVEL as TFAIP_LOG_LEVEL
from tfaip.logs import ParseLogFile as ParseLogFile
from tfaip.logs import WriteToLogFile as WriteToLogFile
from tfaip.logs import formatter as formatter
from tfaip.logs import logger as logger
