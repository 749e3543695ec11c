"""Label: lives in `tfaip.reporting.timing`."""

from tfaip.reporting.timing import MeasureTime as MeasureTime
from tfaip.reporting.timing import ProfileScope as ProfileScope
from tfaip.reporting.timing import enable_profiling as enable_profiling
from tfaip.reporting.timing import format_profiling as format_profiling
from tfaip.reporting.timing import print_profiling as print_profiling
from tfaip.reporting.timing import profile as profile
