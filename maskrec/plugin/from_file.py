"""Files given with ``--plugin``, imported as modules below this one.

The module's name holds the file's path, so that a loader worker that starts from scratch (spawn, forkserver) can
import it again when it unpickles an object defined there; and it is an identifier, as torch.compile requires.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import decode_source, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from maskrec.base.regular_files import LARGEST_RECORD, read_regular

__path__: list[str] = []  # makes this module a package, so that modules below it can be imported


class _Loader(SourceFileLoader):
    """Compiles the file as it is now and leaves no ``__pycache__`` beside the user's file."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        data = self.get_data(path)
        _refuse_undecodable(data, path)
        return self.source_to_code(data, path)


def _refuse_undecodable(data: bytes, path: str) -> None:
    """Raise SyntaxError for bytes that are not text in the file's encoding; ``compile`` lets them pass in comments."""
    try:
        decode_source(data)
        return
    except UnicodeDecodeError as error:
        wrong = error
    except SyntaxError:  # within the two lines that may name an encoding
        try:
            data.decode()
        except UnicodeDecodeError as error:
            wrong = error
        else:
            return  # they name one that does not exist, which ``compile`` says
    line = data.count(b"\n", 0, wrong.start) + 1
    said = f"the byte 0x{data[wrong.start]:02x} is not {wrong.encoding.upper()}; save the file as UTF-8"
    raise SyntaxError(said, (path, line, None, None))


class _Finder:
    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, name = fullname.rpartition(".")
        if parent != __name__:
            return None
        try:
            file = os.fsdecode(bytes.fromhex(name.rpartition("_")[2]))
        except ValueError:
            return None
        return spec_from_file_location(fullname, file, loader=_Loader(fullname, file))


sys.meta_path.append(_Finder)


def module_name(file: Path) -> str:
    """The module's name for this file: its stem, made an identifier, and its absolute path in hexadecimal."""
    stem = re.sub(r"\W", "_", file.stem)
    return f"{__name__}.{stem}_{os.fsencode(file.absolute()).hex()}"


def imported(file: Path) -> ModuleType | None:
    """The file's module, where it has been executed and its text is still the same."""
    module = sys.modules.get(module_name(file))
    same = module is not None and getattr(module, "__maskrec_source__", None) == read_regular(file, LARGEST_RECORD)
    return module if same else None


def import_file(file: Path) -> ModuleType:
    """Execute the file, only once while its text stays the same, and return its module."""
    module = imported(file)
    if module is None:
        source = read_regular(file, LARGEST_RECORD)
        sys.modules.pop(module_name(file), None)
        module = import_module(module_name(file))
        module.__maskrec_source__ = source  # type: ignore[attr-defined]
    return module
