"""The content of images in a few bytes each, by which two evaluations are known to have measured the same pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

from torch import Tensor

from maskrec.runtime.loading import LoadedBatch

SIZE = 16  # bytes


@dataclass(slots=True)
class ImageDigests:
    """Digests of the images that were loaded, by the label of their pair set and their place in it.

    An image's content is its pixels on the canvas; where a mask is to be put on, also the landmarks that it is put on
    by.
    """

    of_sets: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def note(self, label: str, loaded: LoadedBatch, masks: Tensor) -> None:
        """Note some images of a set.

        Args:
            label: of the pair set.
            loaded: the images.
            masks: of all images of the set, as ``mask_numbers`` has them.
        """
        known, images = self.of_sets.setdefault(label, {}), loaded.images.cpu().numpy()
        points = None if loaded.landmarks is None else loaded.landmarks.cpu().numpy()
        for row, index in enumerate(loaded.indices.tolist()):
            digest = blake2b(images[row].tobytes(), digest_size=SIZE)
            if points is not None and int(masks[index]) >= 0:
                digest.update(points[row].tobytes())
            known[index] = digest.digest()
