"""``maskrec.open_gallery``: people enrolled in a file, found again with a stated risk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.inference.galleries.checking_enrolled import check_enrolled
from maskrec.inference.galleries.enrolled import EnrolledPerson, Removed
from maskrec.inference.galleries.enrolling import Added, EnrolSettings, faces_to_enrol
from maskrec.inference.galleries.enrolment_notes import compared_with_enrolled
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.gallery_findings import GalleryReport
from maskrec.inference.galleries.loaded_gallery import LoadedGallery, checked_settings
from maskrec.inference.galleries.person_names import checked_name
from maskrec.inference.galleries.photo_search import in_batches, search_photos
from maskrec.inference.galleries.search_answer import SearchAnswer
from maskrec.inference.photos.face_finding import WhichFace
from maskrec.inference.photos.photo_embeddings import RejectedPhoto
from maskrec.inference.photos.photo_input import Photo, photos_of, read_photo

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel
    from maskrec.inference.galleries.rebuilt_gallery import RebuiltGallery


def open_gallery(path: str | Path, model: FaceModel | str | Path | Mapping[str, Any]) -> Gallery:
    """A gallery to be searched and changed; a file that does not exist is made when somebody is added.

    Args:
        path: the gallery's file.
        model: from ``maskrec.open``, or what that takes.

    Raises:
        UsageError: the file is not a gallery, or is one of another model; nothing that can be opened is at ``model``.
        MaskrecError: another process holds the file.
    """
    from maskrec.inference.open_face_model import open_face_model

    opened = open_face_model(model) if isinstance(model, (str, Path, Mapping)) else model
    return Gallery(Path(path), opened)


class Gallery:
    """People enrolled in a file; made by ``maskrec.open_gallery``.

    It reads the faces at its first search, and again where the file has changed since, by whichever process.

    Args:
        path: the file.
        model: embeds faces and states what decisions risk.

    Raises:
        UsageError: the file is there, and is not a gallery of this model.
    """

    def __init__(self, path: Path, model: FaceModel) -> None:
        self.path, self.model = path, model
        self._loaded: tuple[tuple[int, int], LoadedGallery] | None = None
        if path.exists():
            self._open().close()

    def __repr__(self) -> str:
        return f"Gallery({self.path}, {self.model!r})"

    def people(self) -> list[EnrolledPerson]:
        """Who is enrolled, in the order in which they were added.

        Raises:
            UsageError: the file does not exist yet, or is damaged.
        """
        with self._open() as file:
            return file.people()

    def remove(self, name: str, photo: str | None = None) -> Removed:
        """Remove a person, or one of their photos, with all that is kept of it.

        Args:
            name: of the person.
            photo: its name, as ``check`` and ``search`` say it; None for the whole person.

        Raises:
            UsageError: nobody of that name is enrolled, or they have no such photo, or no other.
            MaskrecError: another process holds the file.
        """
        with self._open(write=True) as file:
            return file.remove(name) if photo is None else file.remove_photo(name, photo)

    def rename(self, name: str, new: str) -> Removed:
        """Give a person another name; nothing of the old one is left.

        Raises:
            UsageError: nobody of that name is enrolled, or somebody else has the new one.
            MaskrecError: another process holds the file.
        """
        with self._open(write=True) as file:
            return file.rename(name, new)

    def add(
        self,
        name: str,
        photos: Photo | Sequence[Photo],
        *,
        face: WhichFace = "only",
        masked: bool | None = None,
        aligned: bool = False,
        bgr: bool = False,
        keep_photos: bool = False,
    ) -> Added:
        """Enrol photos of a person, all or none; when it returns they are on the disk.

        Args:
            name: of the person, new or enrolled.
            photos: one or many, as for ``FaceModel.embed``.
            face: which of several faces of a photo.
            masked: whether masks are worn; None: what is seen.
            aligned: whether the photos are aligned faces already.
            bgr: whether arrays are blue, green, red.
            keep_photos: whether the photos themselves are kept in the file, for making it again with another model.

        Raises:
            UsageError: a photo that cannot be read, has no face, or several where one is expected, or is enrolled
                already; a name that cannot be, or is enrolled in another spelling. Nothing was added.
            MaskrecError: the disk is full, or another process holds the file.
        """
        name = checked_name(name)
        new = faces_to_enrol(self.model, photos, EnrolSettings(face, masked, aligned, bgr, keep_photos))
        notes = [f"{each.name}: {note}" for each in new for note in each.face.notes]
        ours = self.model.gallery_model
        with self._open(write=True) if self.path.exists() else GalleryFile.create(self.path, ours) as file:
            notes += compared_with_enrolled(name, new, file, self.model)
            person = file.add(name, [each.new for each in new])
        return Added(person, len(new), (*self.model.notes, *notes))

    def search(
        self,
        photo: Photo,
        *,
        fpir: float = 0.01,
        top: int = 5,
        masked: bool | None = None,
        aligned: bool = False,
        bgr: bool = False,
    ) -> SearchAnswer:
        """Who is on a photo: each of its faces is searched.

        Args:
            photo: as for ``FaceModel.find``.
            fpir: the false positive identification rate to decide at: the share of searches with faces of people who
                are not enrolled that may find somebody.
            top: how many people are named for each face.
            masked: whether masks are worn; None: what is seen.
            aligned: whether the photo is an aligned face already.
            bgr: whether an array is blue, green, red.

        Raises:
            UsageError: not a photo, no face on it, nobody enrolled, or a rate that the people of the model's evaluation
                cannot carry.
        """
        settings = checked_settings(fpir, top, masked, aligned)
        (answer,) = search_photos(self.model, self._searchable(), [read_photo(photo, bgr=bgr)], settings)
        if isinstance(answer, UsageError):
            raise answer
        return answer

    def search_each(
        self,
        photos: Iterable[Photo],
        *,
        fpir: float = 0.01,
        top: int = 5,
        masked: bool | None = None,
        aligned: bool = False,
        bgr: bool = False,
    ) -> Iterator[SearchAnswer | RejectedPhoto]:
        """Who is on each of many photos, in order; one that cannot be answered says why and does not end the others.

        Args and errors: as in ``search``; an error is raised where it is not about one photo.
        """
        settings = checked_settings(fpir, top, masked, aligned)
        first = 0
        for batch in in_batches(photos_of(photos).read(bgr=bgr)):
            answers = search_photos(self.model, self._searchable(), batch, settings)
            for number, (photo, answer) in enumerate(zip(batch, answers, strict=True), start=first):
                yield answer if isinstance(answer, SearchAnswer) else RejectedPhoto(number, photo.name, str(answer))
            first += len(batch)

    def check(self, alarms: float | None = None) -> GalleryReport:
        """Find what poisons the gallery: wrong photos, one person twice, people who are alike, poor faces.

        Args:
            alarms: of each kind, that a gallery without faults raises on average; None: 0.25, or as many as the
                evaluation of the model can state.

        Raises:
            UsageError: nobody is enrolled, the model's error rates were not measured, or they cannot carry ``alarms``.
        """
        with self._open() as file:
            return check_enrolled(file, self.model, alarms)

    def rebuild(
        self,
        model: FaceModel,
        path: str | Path,
        photos: str | Path | None = None,
        *,
        face: WhichFace = "only",
        aligned: bool = False,
    ) -> RebuiltGallery:
        """Rebuild the gallery for another model, as another file; this one stays as it is.

        Args: the new model and file; the others are those of ``RebuildSettings``.

        Raises:
            UsageError, MaskrecError: as in ``rebuild_gallery``.
        """
        from maskrec.inference.galleries.rebuilding_gallery import RebuildSettings, rebuild_gallery

        settings = RebuildSettings(None if photos is None else Path(photos), face, aligned)
        return rebuild_gallery(self.path, model, Path(path), settings)

    def _searchable(self) -> LoadedGallery:
        loaded = self._load()
        if not len(loaded):
            raise UsageError(f"nobody is enrolled in {self.path}; add somebody with maskrec gallery add")
        return loaded

    def _load(self) -> LoadedGallery:
        """The faces as the file has them now."""
        with self._open() as file:
            now = (self.path.stat().st_ino, file.revision)
            if self._loaded is None or self._loaded[0] != now:
                self._loaded = None  # two of them may not fit in memory
                self._loaded = now, LoadedGallery(file.faces(), self.model.decisions, self.model.origin)
        return self._loaded[1]

    def _open(self, *, write: bool = False) -> GalleryFile:
        file = GalleryFile.open(self.path, write=write)
        try:
            file.require_model(self.model.gallery_model)
        except MaskrecError:
            file.close()
            raise
        return file
