"""A gallery's file: one SQLite database, in which every confirmed change survives a kill and a power cut.

It is a file of mode 600, because embeddings are biometric data; so are the two that SQLite puts beside it while it is
in use (``-wal``, ``-shm``). Several processes may use one gallery: who wants to write waits up to ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.inference.galleries.adding_faces import add_people
from maskrec.inference.galleries.enrolled import EnrolledFaces, EnrolledPerson, GalleryModel, NewFace, Removed
from maskrec.inference.galleries.gallery_connection import GalleryConnection
from maskrec.inference.galleries.gallery_errors import WAIT, explained
from maskrec.inference.galleries.gallery_reading import read_faces, read_people, read_photo, read_photo_numbers
from maskrec.inference.galleries.gallery_schema import read_model
from maskrec.inference.galleries.near_faces import NearFaces, read_near_faces
from maskrec.inference.galleries.new_galleries import make_gallery
from maskrec.inference.galleries.person_names import checked_name
from maskrec.inference.galleries.removing_people import remove_person, remove_photo, rename_person, wipe

_WAIT_WHEN_OPENED = 1.0  # seconds for the rest of an earlier removal


class GalleryFile:
    """A gallery that is open; a context manager. Made by ``open`` and ``create``.

    Attributes:
        path: the file.
        model: which model its rows are of.
    """

    def __init__(self, connection: GalleryConnection, *, write: bool) -> None:
        self.path, self._connection = connection.path, connection
        try:
            with connection.reading() as sqlite:
                self.model = read_model(sqlite)
            if write and self.unwiped:
                self._wipe(_WAIT_WHEN_OPENED)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> GalleryFile:
        """Open a gallery that exists. For writing, this also wipes what an earlier removal could not.

        Args:
            path: the file.
            write: whether it may be changed.

        Raises:
            UsageError: it does not exist, is not a gallery, is damaged, or may not be read or written.
            MaskrecError: another process holds it.
        """
        return cls(GalleryConnection(path, write=write), write=write)

    @classmethod
    def create(cls, path: Path, model: GalleryModel) -> GalleryFile:
        """Make an empty gallery, and open it for writing.

        Raises:
            UsageError: the file exists, or its folder does not.
            MaskrecError: it cannot be written.
        """
        make_gallery(path, model)
        return cls.open(path, write=True)

    def __enter__(self) -> GalleryFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing can be asked of it afterwards."""
        self._connection.close()

    @property
    def revision(self) -> int:
        """A number that grows with every change, whichever process makes it."""
        return self._number("revision")

    @property
    def unwiped(self) -> bool:
        """Whether bytes of somebody removed are still in the file or its log."""
        return bool(self._number("unwiped"))

    def require_model(self, model: GalleryModel) -> None:
        """Check that the rows are of a model.

        Raises:
            UsageError: they are of another one.
        """
        if (model.fingerprint, model.width) != (self.model.fingerprint, self.model.width):
            raise UsageError(
                f"{self.path} is a gallery of another model ({self.model.words}), not of {model.words}; name that "
                "model, or rebuild the gallery with maskrec gallery rebuild"
            )

    def people(self) -> list[EnrolledPerson]:
        """Who is enrolled, in the order in which they were added; without reading any embedding.

        Raises:
            UsageError: the file is damaged.
        """
        with self._connection.reading() as sqlite:
            return read_people(sqlite)

    def faces(self) -> EnrolledFaces:
        """All faces, as they are at one moment.

        Raises:
            UsageError: the file is damaged.
        """
        with self._connection.reading_at_once() as readers:
            return read_faces(readers, self.model.width)

    def near(self, faces: Sequence[NewFace]) -> NearFaces:
        """The part of the gallery that new faces are compared with; the rest is looked at and not kept.

        Args:
            faces: at least one.

        Raises:
            UsageError: what is read is damaged.
        """
        rows, hashes = np.stack([each.embedding for each in faces]), [each.photo_sha256 for each in faces]
        with self._connection.reading_at_once() as readers:
            return read_near_faces(readers, self.model.width, rows, hashes)

    def add(self, name: str, faces: Sequence[NewFace]) -> EnrolledPerson:
        """Enrol faces of a person, new or known; when it returns they are on the disk.

        Returns:
            The person, with all faces.

        Raises:
            UsageError: a name that cannot be kept or is there in another spelling, or a photo that is there already.
            MaskrecError: the disk is full, or another process holds the file.
            ValueError: no face, or one that is not of this gallery's width and unit length.
        """
        self.add_many([(name, faces)])
        with self._connection.reading() as sqlite:
            (person,) = read_people(sqlite, checked_name(name))
            return person

    def add_many(self, people: Iterable[tuple[str, Sequence[NewFace]]]) -> None:
        """Enrol several people, all or none of them; other processes that want to write wait until the end.

        Raises:
            UsageError, MaskrecError, ValueError: as ``add``.
        """
        with self._connection.writing() as sqlite:
            add_people(sqlite, self.path, self.model.width, people)

    def remove(self, name: str, *, wait: float = WAIT) -> Removed:
        """Remove a person with all that is kept of them, and wipe it from the disk.

        Args:
            name: of the person.
            wait: seconds that other processes are waited for, which may be reading what is to be wiped.

        Raises:
            UsageError: nobody of that name.
            MaskrecError: the disk is full, or another process holds the file; nothing was removed.
        """
        kept = checked_name(name)
        with self._connection.writing() as sqlite:
            faces = remove_person(sqlite, self.path, self.model.width, kept)
        return self._removed(kept, faces, wait)

    def remove_photo(self, name: str, photo: str, *, wait: float = WAIT) -> Removed:
        """Remove one of a person's photos with all that is kept of it, and wipe it from the disk.

        Args:
            name: of the person.
            photo: its name, as ``check`` and ``search`` say it.
            wait: as in ``remove``.

        Raises:
            UsageError: nobody of that name, no photo of that name, or they have no other.
            MaskrecError: as in ``remove``.
        """
        kept = checked_name(name)
        with self._connection.writing() as sqlite:
            faces = remove_photo(sqlite, self.path, self.model.width, kept, photo)
        return self._removed(kept, faces, wait)

    def rename(self, name: str, new: str, *, wait: float = WAIT) -> Removed:
        """Give a person another name, and wipe the old one from the disk.

        Args:
            name: of the person.
            new: nobody else's; another spelling of ``name`` as well.
            wait: as in ``remove``.

        Raises:
            UsageError: nobody of that name, or a new one that cannot be kept or is somebody else's.
            MaskrecError: as in ``remove``.
        """
        kept, new = checked_name(name), checked_name(new)
        with self._connection.writing() as sqlite:
            rename_person(sqlite, self.path, kept, new)
        return self._removed(kept, 0, wait)

    def kept_photos(self, name: str | None = None) -> Iterator[tuple[str, str, bytes]]:
        """The photos that are in the file: whose, their name, their bytes.

        Args:
            name: of one person; None for everybody.

        Raises:
            UsageError: the file is damaged.
        """
        with self._connection.reading() as sqlite:
            numbers = read_photo_numbers(sqlite, name)
        for number in numbers:  # a moment each: what a caller does with a photo may take long
            with self._connection.reading() as sqlite:
                found = read_photo(sqlite, number)
            if found is not None:
                yield found

    def _removed(self, name: str, faces: int, wait: float) -> Removed:
        reason = self._wipe(wait)
        return Removed(name, faces, not reason, reason)

    def _wipe(self, wait: float) -> str:
        """Why something is left of what was removed; "" where nothing is."""
        try:
            with explained(self.path):
                return "" if wipe(self._connection.sqlite, wait) else "another process is reading the gallery"
        except MaskrecError as error:
            return str(error)

    def _number(self, column: str) -> int:
        with self._connection.reading() as sqlite:
            (found,) = sqlite.execute(f"SELECT {column} FROM gallery").fetchone()
        return found if type(found) is int else 0
