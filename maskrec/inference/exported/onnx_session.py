"""Sessions of onnxruntime: which processors, how many threads, how much memory."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.base.processors import usable_processors
from maskrec.base.regular_files import memory_size
from maskrec.base.words import byte_size, one_line

# All that onnxruntime offers may include TensorRT, which plans for minutes before the first image.
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")

_ONLY_FATAL = 4
_AS_REQUESTED = 1  # the arena grows by what is asked for; by default it doubles
# It computes whatever a stranger's graph asks for while the session is made, before the arena's bound holds; what
# torch exports has its constants folded already.
_NOT_FOLDED = ["ConstantFolding"]


def make_session(content: bytes, name: str, threads: int | None = None) -> Any:
    """A session of a file whose content was checked (``onnx_safety.py``).

    On the CPU all sessions of a process share an arena of at most half of the machine's memory: what a graph asks for
    beyond is an error of its run and not the end of the process. CUDA's memory is not bounded.

    Args:
        content: of the file.
        name: names it in messages.
        threads: CPU threads; None for ``OMP_NUM_THREADS`` or all processors.

    Raises:
        UsageError: onnxruntime is missing, or cannot open the file.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(f"{name} needs onnxruntime; pip install 'maskrec[onnx]'") from error
    there = onnxruntime.get_available_providers()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ONLY_FATAL  # what is wrong comes as an exception as well
    options.intra_op_num_threads = threads or _threads()
    _bound_memory(onnxruntime)
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        return onnxruntime.InferenceSession(
            content,
            options,
            providers=[provider for provider in PROVIDERS if provider in there],
            disabled_optimizers=_NOT_FOLDED,
        )
    except Exception as error:
        if "guarantees" in str(error):  # support for opsets of its own time
            said = f"{name} is of an opset that onnxruntime {onnxruntime.__version__} does not know"
            raise UsageError(f"{said}; update onnxruntime, or export the network again with opset 17") from error
        said = f"{name} is not an ONNX file that onnxruntime can open ({one_line(error)[:200]})"
        raise UsageError(f"{said}; export the network again, its weights inside the file") from error


def memory_bound() -> int:
    """Bytes that all sessions of a process may have on the CPU together."""
    return memory_size() // 2


def failure(error: BaseException) -> str:
    """What to say of a run that failed."""
    if "bfc_arena" in str(error) or "llocate memory" in str(error):
        return f"needs more memory than {byte_size(memory_bound())}, half of this machine's"
    return f"fails ({one_line(error)[:200]})"


@cache
def _bound_memory(onnxruntime: Any) -> None:
    """Register the arena, once in a process."""
    kinds = onnxruntime.OrtAllocatorType, onnxruntime.OrtMemType
    place = onnxruntime.OrtMemoryInfo("Cpu", kinds[0].ORT_ARENA_ALLOCATOR, 0, kinds[1].DEFAULT)
    arena = onnxruntime.OrtArenaCfg(memory_bound(), _AS_REQUESTED, -1, -1)
    with suppress(Exception):  # other code of this process has registered one: its bound holds then
        onnxruntime.create_and_register_allocator(place, arena)


def _threads() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) > 0 else usable_processors()
