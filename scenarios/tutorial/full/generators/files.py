"""Samples for prediction, from image files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Type

import numpy as np
from paiargparse import pai_dataclass, pai_meta
from PIL import Image

from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.datagenerator import DataGenerator
from tfaip.data.pipeline.definitions import TARGETS_PROCESSOR, Sample
from tfaip.errors import DataError


@pai_dataclass
@dataclass
class ImageFilesGeneratorParams(DataGeneratorParams):
    """Image files, and where their labels are."""

    image_files: List[str] = field(
        default_factory=list,
        metadata=pai_meta(help="Grey images, for example PNG, of the size the model was trained on."),
    )
    label_ending: str = field(
        default=".txt",
        metadata=pai_meta(
            help="Ending of the text file beside an image that holds its class; only evaluation reads it."
        ),
    )

    @staticmethod
    def cls() -> "Type[ImageFilesGenerator]":
        """Return the generator of these parameters."""
        return ImageFilesGenerator


class ImageFilesGenerator(DataGenerator[ImageFilesGeneratorParams]):
    """Yield one sample a file, in the order of the files."""

    def __len__(self) -> int:
        return len(self.params.image_files)

    def generate(self) -> Iterator[Sample]:
        """Read each image, and its label where the mode needs one."""
        for name in self.params.image_files:
            yield Sample(
                inputs={"img": _read_image(Path(name))},
                targets=self._targets(Path(name)),
                meta={"path": name},
            )

    def _targets(self, image_path: Path) -> Optional[Dict[str, np.ndarray]]:
        if self.mode not in TARGETS_PROCESSOR:
            return None
        return {"gt": _read_label(image_path.with_suffix(self.params.label_ending))}


def _read_image(path: Path) -> np.ndarray:
    """Return the grey values `(H, W, 1)` of an image file, uint8."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"), dtype=np.uint8)[..., np.newaxis]
    except OSError as error:
        raise DataError(f"The image `{path}` could not be read: {error}.") from error


def _read_label(path: Path) -> np.ndarray:
    """Return the class `(1,)` that a text file holds, int32."""
    try:
        return np.array([int(path.read_text())], dtype=np.int32)
    except (OSError, ValueError) as error:
        raise DataError(
            f"The label `{path}` could not be read: {error}. "
            "It is a text file beside the image that holds the number of its class."
        ) from error
