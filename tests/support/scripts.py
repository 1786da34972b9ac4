"""Scripts that no package holds, imported as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

REAL_FACES = Path(__file__).parents[2] / "benchmarks" / "real_faces"


def script_module(path: Path) -> ModuleType:
    """The script as a module of its file's name; its folder is not put on the path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
