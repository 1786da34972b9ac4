"""A gallery rebuilt for another model, from photos that it kept or that are given.

Embeddings of one model say nothing to another, so every photo is embedded again. The new gallery is another file:
it gets its name when all of it is on the disk, and the old one is opened for reading only. So a kill at any moment
leaves the old gallery as it was, and whoever must come again is still in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from maskrec.base.console import escaped
from maskrec.base.errors import UsageError, said_on_command_line
from maskrec.base.files import write_atomically
from maskrec.base.hashing import sha256_of
from maskrec.base.whole_folders import is_running
from maskrec.inference.galleries.enrolled import EnrolledFaces, NewFace
from maskrec.inference.galleries.enrolling import quality_of
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.photo_folder import PhotoFolder
from maskrec.inference.galleries.rebuilt_gallery import LostPhoto, RebuiltGallery
from maskrec.inference.photos.face_finding import WhichFace
from maskrec.inference.photos.found_face import Face
from maskrec.inference.photos.photo_input import NamedPhoto, photo_file, read_photo

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel

_BATCH = 32  # photos in memory


@dataclass(frozen=True, slots=True)
class RebuildSettings:
    """Where photos come from, and how they are read.

    Args:
        photos: a folder that has those which the gallery did not keep; None: only kept ones.
        face: which face of a photo with several, as for ``FaceModel.embed``.
        aligned: whether the photos are aligned faces already.
    """

    photos: Path | None = None
    face: WhichFace = "only"
    aligned: bool = False


def rebuild_gallery(old: Path, model: FaceModel, new: Path, settings: RebuildSettings) -> RebuiltGallery:
    """Rebuild a gallery for another model.

    A photo that was kept is taken from the gallery, and kept again; others from the folder, where the one with the same
    bytes counts before ``NAME/photo``. A face's mask state stays what it was, where that was known.

    Args:
        old: the gallery.
        model: the new model.
        new: the file to make.
        settings: as above.

    Raises:
        UsageError: ``old`` is not a gallery or is of this model already, ``new`` exists, the folder cannot be used, or
            no photo of anybody was found. No new file is left.
        MaskrecError: the disk is full.
    """
    if new.exists() or new.is_symlink():
        raise UsageError(f"{new} already exists; name a new file, the old gallery stays as it is")
    if not new.parent.is_dir():
        raise UsageError(f"{new.parent} is not a folder; create it first")
    with GalleryFile.open(old) as file:
        theirs, ours = file.model, model.gallery_model
        if (theirs.fingerprint, theirs.width) == (ours.fingerprint, ours.width):
            raise UsageError(
                f"{escaped(ours.words)} has the weights that {old} was made with ({escaped(theirs.words)}); name the "
                "new model"
            )
        folder = None if settings.photos is None else PhotoFolder(settings.photos)
        work = _Rebuilding(file, file.faces(), model, folder, settings)
        if not work.faces.names:
            raise UsageError(f"{old} has no people to make a gallery of; enrol some with maskrec gallery add")
        _remove_leftovers(new)
        write_atomically(new, work.write)
    return work.answer(new)


def _remove_leftovers(new: Path) -> None:
    """Remove what a killed process left of the same new gallery: it holds embeddings."""
    for path in new.parent.iterdir():
        found = re.fullmatch(rf"\.{re.escape(new.name)}\.([0-9]+)\.part(-wal|-shm)?", path.name)
        if found and not is_running(int(found[1])):
            path.unlink(missing_ok=True)


class _Enrolled(NamedTuple):
    """A photo of the old gallery: its person's name, its own, SHA-256 and mask state."""

    person: str
    photo: str
    sha256: str
    masked: bool | None


class _Found(NamedTuple):
    """Where it came from now: its pixels, SHA-256, and its bytes if they are to be kept."""

    enrolled: _Enrolled
    photo: NamedPhoto
    sha256: str
    kept: bytes | None


class _Rebuilding:
    """One gallery in the making."""

    def __init__(
        self,
        file: GalleryFile,
        faces: EnrolledFaces,
        model: FaceModel,
        folder: PhotoFolder | None,
        settings: RebuildSettings,
    ) -> None:
        self.file, self.faces, self.model, self.folder, self.settings = file, faces, model, folder, settings
        self.lost: list[LostPhoto] = []
        self.changed: list[str] = []
        self.made: dict[str, int] = {}

    def write(self, place: Path) -> None:
        """Write the new gallery."""
        with GalleryFile.create(place, self.model.gallery_model) as new:
            new.add_many(self._people())
        if not self.made:
            first = self.lost[0] if self.lost else None
            said = "nobody is enrolled in it" if first is None else f"{escaped(first.photo)}: {first.reason}"
            raise UsageError(
                f"{self.file.path} cannot be rebuilt, because no photo of its people can be embedded ({said}); name "
                "the folder of their photos (--photos FOLDER), or enrol them again"
            )

    def answer(self, path: Path) -> RebuiltGallery:
        """What became of it."""
        again = tuple(name for name in self.faces.names if name not in self.made)
        notes = (*self.model.notes, *(self.folder.unread if self.folder else ()), *self.changed)
        return RebuiltGallery(path, sum(self.made.values()), len(self.made), again, tuple(self.lost), notes)

    def _people(self) -> Iterator[tuple[str, list[NewFace]]]:
        order = np.argsort(self.faces.people, kind="stable")
        ends = np.searchsorted(self.faces.people[order], np.arange(len(self.faces.names)), "right")
        for name, rows in zip(self.faces.names, np.split(order, ends[:-1]), strict=True):
            found = list(self._found(name, rows.tolist()))
            made = [
                face for start in range(0, len(found), _BATCH) for face in self._embedded(found[start : start + _BATCH])
            ]
            if made:
                self.made[name] = len(made)
                yield name, made

    def _found(self, person: str, rows: Sequence[int]) -> Iterator[_Found]:
        """The photos of a person that can be read, each once."""
        kept = {sha256_of(content): content for _, _, content in self.file.kept_photos(person)}
        taken: set[str] = set()
        for row in rows:
            state = int(self.faces.masked[row])
            photo, digest = self.faces.photo_names[row], self.faces.photo_sha256[row]
            enrolled = _Enrolled(person, photo, digest, None if state < 0 else bool(state))
            try:
                found = self._one(enrolled, kept)
            except UsageError as error:
                self._lose(enrolled, said_on_command_line(error))
                continue
            if found is None:
                where = "it was not kept" if self.folder is None else "it was not kept and is not in the folder"
                self._lose(enrolled, where)
            elif found.sha256 in taken:
                self._lose(enrolled, f"{found.photo.name} was taken for another photo already")
            else:
                taken.add(found.sha256)
                yield found

    def _one(self, enrolled: _Enrolled, kept: dict[str, bytes]) -> _Found | None:
        content = kept.get(enrolled.sha256)
        if content is not None:
            name = escaped(enrolled.photo) or "the photo"
            return _Found(enrolled, read_photo(content, name=name), enrolled.sha256, content)
        given = None if self.folder is None else self.folder.find(enrolled.sha256, enrolled.person, enrolled.photo)
        if given is None:
            return None
        content = photo_file(str(given.path), str(given.path))
        digest = sha256_of(content)
        if enrolled.sha256 and digest != enrolled.sha256:
            self.changed.append(f"{given.path} is not the file that was enrolled; it was taken by its name")
        return _Found(enrolled, read_photo(content, name=str(given.path)), digest, None)

    def _embedded(self, found: Sequence[_Found]) -> Iterator[NewFace]:
        faces = self.model.source.intended([each.photo for each in found], self.settings.aligned, self.settings.face)
        usable: list[tuple[_Found, Face]] = []
        for each, face in zip(found, faces, strict=True):
            if isinstance(face, Face):
                usable.append((each, face))
            else:
                self._lose(each.enrolled, said_on_command_line(face))
        if not usable:
            return
        rows = self.model.unit_rows(np.stack([face.image for _, face in usable]))
        for (each, face), row in zip(usable, rows, strict=True):
            old = each.enrolled
            masked = face.masked if old.masked is None else old.masked
            yield NewFace(row, masked, quality_of(face), old.photo, each.sha256, each.kept)

    def _lose(self, enrolled: _Enrolled, reason: str) -> None:
        self.lost.append(LostPhoto(enrolled.person, enrolled.photo, reason))
