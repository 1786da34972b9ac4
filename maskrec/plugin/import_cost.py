"""The import cost of plugins: each imported in a separate process, with its time and the libraries that it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint

from maskrec.plugin.installed import installed_plugins
from maskrec.plugin.registered import Provider

# Libraries that are slow to import and that a plugin does not need until a recipe names its component.
HEAVY = (
    "cv2", "facenet_pytorch", "jax", "lightning", "matplotlib", "numpy", "onnxruntime", "pandas", "PIL", "pydantic",
    "rich", "scipy", "sklearn", "skimage", "tensorflow", "timm", "torch", "torchvision", "transformers", "yaml",
)  # fmt: skip

_CHILD = """
import contextlib, json, sys, time
import maskrec.plugin.host
before, start = set(sys.modules), time.perf_counter()
error = ""
with contextlib.redirect_stdout(sys.stderr):
    try:
        __import__(sys.argv[1])
    except BaseException as problem:
        error = type(problem).__name__
print(json.dumps([(time.perf_counter() - start) * 1e3, sorted(set(sys.modules) - before), error]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Weight:
    """The cost of importing one plugin.

    Args:
        provider: the plugin.
        milliseconds: import time, in a process where maskrec's host is already imported.
        heavy: the libraries of ``HEAVY`` that it imported.
        error: why it could not be measured, or empty.
    """

    provider: Provider
    milliseconds: float
    heavy: tuple[str, ...]
    error: str = ""


def weigh_plugins(timeout_s: float = 60) -> list[Weight]:
    """The import cost of every installed plugin, one after the other, each in a fresh process."""
    return [weigh_plugin(provider, point, timeout_s) for provider, point in installed_plugins([])]


def weigh_plugin(provider: Provider, point: EntryPoint, timeout_s: float = 60) -> Weight:
    """The import cost of one plugin, in a fresh process that looks for modules where this one does."""
    module = point.value.partition(":")[0].strip()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        answer = subprocess.run(
            [sys.executable, "-c", _CHILD, module],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=True,
            env=environment,
        ).stdout
        milliseconds, modules, error = json.loads(answer.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return Weight(provider, timeout_s * 1e3, (), f"its import takes longer than {timeout_s:g} s")
    except (subprocess.CalledProcessError, ValueError, IndexError):
        return Weight(provider, 0.0, (), "its import ends the process")
    return Weight(provider, milliseconds, tuple(name for name in HEAVY if name in modules), error)
