"""Making an empty gallery, for its owner's eyes only."""

from __future__ import annotations

import os
from pathlib import Path

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import not_written
from maskrec.base.regular_files import check_regular
from maskrec.inference.galleries.enrolled import GalleryModel
from maskrec.inference.galleries.gallery_connection import connect
from maskrec.inference.galleries.gallery_errors import explained
from maskrec.inference.galleries.gallery_schema import PAGE, create_schema


def make_gallery(path: Path, model: GalleryModel) -> None:
    """Make an empty gallery of mode 600, which SQLite gives to the files that it puts beside it as well.

    An empty file is taken for one that is just being made, or whose making was interrupted: of two processes one
    makes it and the other waits for that.

    Raises:
        UsageError: the file exists, or its folder does not.
        MaskrecError: it cannot be written; nothing is left of it.
    """
    ours = _claim(path)
    try:
        with explained(path):
            connection = connect(path, "mode=rw")
            try:
                connection.execute(f"PRAGMA page_size = {PAGE}")
                connection.execute("PRAGMA journal_mode = MEMORY")  # a rollback journal would be left by a kill
                connection.execute("BEGIN EXCLUSIVE")
                if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    raise _exists(path)
                create_schema(connection, model)
                connection.execute("COMMIT")
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
    except MaskrecError:
        if ours:
            path.unlink(missing_ok=True)
        raise


def _claim(path: Path) -> bool:
    """Whether the file was created here, with mode 600 from its first moment."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return True
    except FileExistsError:
        pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{path.parent} is not a folder; create it first") from error
    except OSError as error:
        raise not_written(path, error) from error
    try:
        check_regular(path, 0)
        path.chmod(0o600)
    except OSError as error:
        raise _exists(path) from error
    return False


def _exists(path: Path) -> UsageError:
    return UsageError(f"{path} already exists; name a new file")
