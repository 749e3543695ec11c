"""Label: lives in `tfaip.scenario.listfile.globbing`."""

from tfaip.scenario.listfile.globbing import glob_all as glob_all
