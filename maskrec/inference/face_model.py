"""A trained model that is used: finds faces in photos, embeds them, decides whether two are of one person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decision import check_rates, decide
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.verify_result import VerifyResult
from maskrec.inference.galleries.enrolled import GalleryModel
from maskrec.inference.galleries.model_fingerprint import gallery_model_of
from maskrec.inference.photos.face_finding import WhichFace
from maskrec.inference.photos.face_notes import same_file_notes
from maskrec.inference.photos.found_face import Face
from maskrec.inference.photos.intended_faces import FaceSource
from maskrec.inference.photos.photo_embeddings import Embeddings, embed_photos
from maskrec.inference.photos.photo_input import NamedPhoto, Photo, photos_of, read_photo, require_arrays
from maskrec.metrics import normalise

if TYPE_CHECKING:
    from maskrec.inference.exported.export_parity import Parity
    from maskrec.inference.model import Model


class CanvasNetwork(Protocol):
    """A network with its input statistics: aligned faces to embeddings."""

    @property
    def input_spec(self) -> InputSpec:
        """What it expects to see."""

    @property
    def embedding_size(self) -> int:
        """d."""

    @property
    def weights_sha256(self) -> str:
        """Says which weights these are, in a run and in the file exported from it alike."""

    def embed(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 RGB ``(n, S, S, 3)`` to float32 ``(n, d)`` before L2 normalization."""


Exporter = Callable[[Path, str | None], "Parity | None"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FaceModel:
    """A model with verbs; made by ``maskrec.open``.

    Args:
        network: embeds aligned faces.
        decisions: thresholds and what is known of their errors.
        origin: where it comes from, in one line.
        device: where faces are detected: ``cpu``, ``cuda`` or ``auto``.
        exporter: writes it as one file and says how far both agree; None for an exported file.
        model: the network as torch has it; None for an exported file.
        notes: what ``open`` had to say.
    """

    network: CanvasNetwork
    decisions: Decisions
    origin: str
    device: str = "auto"
    exporter: Exporter | None = None
    model: Model | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        spec, known = self.spec, ", ".join(self.decisions.words())
        return f"FaceModel({self.origin}: {spec.size} px, aligned {spec.alignment}; {known})"

    @property
    def spec(self) -> InputSpec:
        """Size, statistics and alignment of the faces that the network expects."""
        return self.network.input_spec

    @property
    def gallery_model(self) -> GalleryModel:
        """Which galleries are of this model: those with the same fingerprint and width."""
        return gallery_model_of(self.network.weights_sha256, self.spec, self.network.embedding_size, self.origin)

    def find(self, photo: Photo, *, bgr: bool = False) -> list[Face]:
        """The faces of a photo, from left to right.

        Args:
            photo: a path, a file's bytes, a PIL image, or an array uint8 ``(H, W, 3)``, RGB unless ``bgr``.
            bgr: whether an array's channels are blue, green, red, as OpenCV has them; refused for others.

        Raises:
            UsageError: not a photo.
        """
        (faces,) = self.source.find([read_photo(photo, bgr=bgr)])
        return faces

    def embed(
        self,
        photos: Photo | Iterable[Photo],
        *,
        aligned: bool = False,
        face: WhichFace = "only",
        bgr: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Embeddings:
        """Embeddings of the faces in photos.

        Args:
            photos: one, or many; each as for ``find``.
            aligned: whether they are aligned faces already: no detection, the whole picture is the canvas.
            face: which of several faces of a photo: ``only`` rejects such a photo, ``largest``, ``central``, or its
                number in ``find``.
            bgr: whether arrays among them are blue, green, red; others have their own order, and one must be an array.
            progress: is called with the number of photos that are done.

        Returns:
            Rows of unit length, and the photos that gave none with the reason.

        Raises:
            UsageError: the only photo that was given gives no embedding.
        """
        given = photos_of(photos)
        answer = embed_photos(
            self.source, self.unit_rows, self.network.embedding_size, given, aligned=aligned, face=face, bgr=bgr,
            progress=progress,
        )  # fmt: skip
        if given.one and answer.rejected:
            raise UsageError(answer.rejected[0].reason)
        return answer

    def verify(
        self,
        a: Photo,
        b: Photo,
        *,
        far: float | None = None,
        face: WhichFace | tuple[WhichFace, WhichFace] = "only",
        condition: str | None = None,
        prior: float = 0.5,
        aligned: bool = False,
        bgr: bool = False,
    ) -> VerifyResult:
        """Whether two photos show one person.

        Args:
            a: a photo, as for ``find``.
            b: another.
            far: the false accept rate to decide at; None: the lowest of 0.001, 0.01 and 0.1 that the evaluation's data
                can carry.
            face: which face of a photo with several, as for ``embed``; a pair is for ``a`` and for ``b``.
            condition: ``bare``, ``one_masked`` or ``both_masked``, instead of what is seen.
            prior: the probability that such a pair is of one person, before looking.
            aligned: whether both are aligned faces already.
            bgr: as for ``embed``.

        Raises:
            UsageError: a photo with no face, or with several where ``only`` one is expected; a rate that the data
                cannot carry; a value out of range.
        """
        if condition is not None and condition not in CONDITIONS:
            raise UsageError(f"the condition {condition!r} is not known; use {', '.join(CONDITIONS)}")
        check_rates(far, prior)
        if bgr:
            require_arrays((a, b))
        photos = tuple(read_photo(each, bgr=bgr and isinstance(each, np.ndarray)) for each in (a, b))
        which = face if isinstance(face, tuple) else (face, face)
        faces = self._face(photos[0], aligned, which[0]), self._face(photos[1], aligned, which[1])
        rows = self.unit_rows(np.stack([each.image for each in faces])).astype(np.float64)
        distance = float(np.linalg.norm(rows[0] - rows[1]))
        known = condition or _condition(faces)
        asked = CONDITIONS if known is None else (known,)
        found = [decide(distance, each, self.decisions, far, prior) for each in asked]
        decisions = tuple(each for each in found if each is not None)
        notes = (*same_file_notes(a, b), *self._notes(faces, known, bool(decisions)))
        return VerifyResult(distance, decisions, known, faces, notes)

    def export(self, path: str | Path, *, licence: str | None = None) -> Parity | None:
        """Write the model as one file, with thresholds, error rates and mask probe, after comparing both on faces.

        Args:
            path: a new file, ``.onnx`` or ``.safetensors`` (the weights alone).
            licence: of the weights, in words.

        Returns:
            How far model and file agree; None for ``.safetensors``.

        Raises:
            UsageError: an exported file is opened, another ending, or a file that exists.
            MaskrecError: the network cannot be exported, or the file would differ from it; nothing is written.
        """
        if self.exporter is None:
            raise UsageError(f"{self.origin} is an exported file already; copy it, or open the run that it is from")
        return self.exporter(Path(path), licence)

    def unit_rows(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embeddings of aligned faces, scaled to unit length: float32 ``(n, d)``.

        Args:
            canvases: uint8 RGB ``(n, H, W, 3)``.

        Raises:
            UsageError: the network returns something that has no direction or is not finite.
        """
        try:
            return normalise(self.network.embed(canvases)).astype(np.float32)
        except ValueError as error:
            raise UsageError(f"{self.origin}: {error}") from error

    @property
    def source(self) -> FaceSource:
        """Finds faces in photos, aligned as the network expects them."""
        return FaceSource(self.spec, self.decisions.probe, self.device)

    def _face(self, photo: NamedPhoto, aligned: bool, which: WhichFace) -> Face:
        (found,) = self.source.intended([photo], aligned, which)
        if isinstance(found, UsageError):
            raise found
        return replace(found, notes=(*found.notes, *([photo.note] if photo.note else [])))

    def _notes(self, faces: Sequence[Face], condition: str | None, decided: bool) -> Iterator[str]:
        yield from self.notes
        for face in faces:
            yield from face.notes
        if not decided:
            yield (
                "this model has no thresholds, so a distance cannot be decided; measure it on pairs with "
                "`maskrec evaluate`"
            )
        elif condition is None:
            yield "whether the faces wear masks is not known, so each condition's decision is given; name the condition"
        if decided:
            yield from self.decisions.notes


def _condition(faces: Sequence[Face]) -> str | None:
    """The pair's condition by what both faces wear; None where that is not known."""
    masked = [face.masked for face in faces]
    return None if None in masked else CONDITIONS[sum(bool(each) for each in masked)]
