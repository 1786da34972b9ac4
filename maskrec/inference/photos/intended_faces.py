"""From photos to the one face of each that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maskrec.base.errors import SettingError, UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.photos.face_finding import WhichFace, aligned_face, choose_face, find_in
from maskrec.inference.photos.found_face import Face
from maskrec.inference.photos.mask_probe import MaskProbe
from maskrec.inference.photos.photo_input import NamedPhoto


@dataclass(frozen=True, slots=True)
class FaceSource:
    """Finds faces for one network.

    Args:
        spec: size and alignment that the network expects.
        probe: recognizes masks; None leaves each face's mask state open.
        device: where faces are detected: ``cpu``, ``cuda`` or ``auto``.
    """

    spec: InputSpec
    probe: MaskProbe | None
    device: str = "auto"

    def find(self, photos: Sequence[NamedPhoto]) -> list[list[Face]]:
        """The faces of each photo, from left to right."""
        return find_in(photos, self.spec, self.probe, self.device)

    def intended(self, photos: Sequence[NamedPhoto], aligned: bool, which: WhichFace) -> list[Face | UsageError]:
        """The intended face of each photo, or why it has none.

        Args:
            photos: in memory.
            aligned: whether they are aligned faces already: nothing is searched, the whole picture is the face.
            which: which face of a photo with several.
        """
        if aligned:
            return [self._aligned(photo) for photo in photos]
        return [_chosen(faces, photo, which) for faces, photo in zip(self.find(photos), photos, strict=True)]

    def _aligned(self, photo: NamedPhoto) -> Face | UsageError:
        height, width = photo.pixels.shape[:2]
        rows, columns = self.spec.canvas
        template = self.spec.alignment not in ("box", "none")
        if template and abs(width - height * columns / rows) >= (1.0 if columns != rows else 0.5):
            form = "square" if rows == columns else f"{columns} x {rows} or in these proportions"
            return SettingError(
                f"{photo.name} has {width} x {height} pixels and an aligned face is {form}; leave out ", "aligned",
                after=", so that the face is found and aligned",
            )  # fmt: skip
        return aligned_face(photo, self.spec, self.probe)


def _chosen(faces: Sequence[Face], photo: NamedPhoto, which: WhichFace) -> Face | UsageError:
    height, width = photo.pixels.shape[:2]
    try:
        return choose_face(faces, (height, width), which, photo.name)
    except UsageError as error:
        return error
