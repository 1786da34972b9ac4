"""A network in an ONNX file: from aligned faces to embeddings, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.hashing import sha256_of
from maskrec.base.regular_files import read_regular
from maskrec.base.words import os_reason
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.exported.onnx_metadata import INPUT_SPEC, OnnxMetadata, read_metadata
from maskrec.inference.exported.onnx_safety import LARGEST_FILE, CheckedFile, check_onnx
from maskrec.inference.exported.onnx_session import failure, make_session
from maskrec.inference.exported.onnx_tree import RefusedFileError

_FLOATS = "tensor(float)"
_AT_ONCE = 32  # faces; larger batches are not faster on a CPU and take more memory


class OnnxNetwork:
    """An ONNX file that is used: one input ``(N or 1, 3, H, W)``, one output ``(N or 1, d)``, with metadata.

    Nothing in the file is run before it is checked (``onnx_safety.py``).

    Args:
        path: the file; names it in messages.
        content: its bytes, where they are known; otherwise the file is read.
        threads: CPU threads; None for ``OMP_NUM_THREADS`` or all processors.

    Attributes:
        input_spec: size, statistics, colour order and alignment of the faces it expects.
        embedding_size: d.
        metadata: all that the file says of itself.
        weights_sha256: of the weights that it was exported from, as it states; of the file where it does not.

    Raises:
        UsageError: the file does not exist, onnxruntime is missing, the file is refused, or its graph or its metadata
            are of another form.
    """

    def __init__(self, path: Path, content: bytes | None = None, threads: int | None = None) -> None:
        content = _content(path) if content is None else content
        checked = _checked(content, path)
        if INPUT_SPEC not in checked.entries:  # of something else than faces, more metadata would not make it usable
            session = make_session(content, str(path), threads)
            _input(session, path, ("H", "W"))
            _embedding_size(session, path)
        self.path, self.metadata = path, _metadata(checked, path)
        self.weights_sha256 = self.metadata.weights or sha256_of(content)
        self.input_spec: InputSpec = self.metadata.input_spec
        self.session = make_session(content, str(path), threads)
        self.input_name, self.one_by_one = _input(self.session, path, self.input_spec.canvas)
        self.embedding_size = _embedding_size(self.session, path)

    def embed(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embeddings float32 ``(n, d)``, before L2 normalization.

        Args:
            canvases: uint8 RGB ``(n, H, W, 3)``, aligned faces on the canvas.

        Raises:
            UsageError: canvases of another form.
            MaskrecError: the graph fails on them, or returns something else than finite ``(n, d)``.
        """
        height, width = self.input_spec.canvas
        if canvases.dtype != np.uint8 or canvases.ndim != 4 or canvases.shape[1:] != (height, width, 3):
            sides = f"{height}" if height == width else f"{height} x {width}"
            raise UsageError(
                f"{self.path}: expected aligned faces as uint8 (n, {height}, {width}, 3), not {canvases.dtype} "
                f"{canvases.shape}; align them to its canvas of {sides} pixels"
            )
        parts = [self.run(self.normalized(canvases[i : i + _AT_ONCE])) for i in range(0, len(canvases), _AT_ONCE)]
        rows = np.concatenate([np.empty((0, self.embedding_size), np.float32), *parts])
        if not np.isfinite(rows).all():
            raise MaskrecError(f"{self.path}: the network's embeddings are not finite; export it from better weights")
        return rows

    def normalized(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Canvases ``(n, H, W, 3)`` as the graph's input, float32 ``(n, 3, H, W)``."""
        planes = canvases.transpose(0, 3, 1, 2)
        images = np.ascontiguousarray(planes[:, ::-1] if self.input_spec.color == "bgr" else planes, np.float32)
        images /= np.float32(255)  # the steps of ``faces.normalise``, so that the numbers are the same
        images -= np.array(self.input_spec.mean, np.float32)[:, None, None]
        images /= np.array(self.input_spec.std, np.float32)[:, None, None]
        return images

    def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalized images ``(n, 3, H, W)`` through the graph: ``(n, d)``.

        Raises:
            MaskrecError: the graph fails on them, or returns something else.
        """
        parts = [images[i : i + 1] for i in range(len(images))] if self.one_by_one else [images] if len(images) else []
        rows = [self._run(part) for part in parts]
        return np.concatenate(rows) if rows else np.empty((0, self.embedding_size), np.float32)

    def _run(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            (found,) = self.session.run(None, {self.input_name: part})
        except Exception as error:
            raise MaskrecError(f"{self.path}: on {part.shape} its graph {failure(error)}") from error
        if found.shape != (len(part), self.embedding_size):
            raise MaskrecError(
                f"{self.path}: its graph returns {found.shape} for {len(part)} images, not "
                f"({len(part)}, {self.embedding_size}) as it announces; export it again"
            )
        rows: NDArray[np.float32] = found
        return rows


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, LARGEST_FILE)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist; `maskrec export RUN {path}` writes a run's network") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({os_reason(error)}); name an ONNX file") from error


def _checked(content: bytes, path: Path) -> CheckedFile:
    try:
        return check_onnx(content)
    except RefusedFileError as error:
        raise UsageError(f"{path} is refused: it has {error}; export the network again without that") from error
    except ValueError as error:
        raise UsageError(f"{path} is not an ONNX file, or is damaged ({error}); export the network again") from error


def _metadata(checked: CheckedFile, path: Path) -> OnnxMetadata:
    try:
        return read_metadata(checked.entries)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


def _input(session: Any, path: Path, canvas: tuple[int, int] | tuple[str, str]) -> tuple[str, bool]:
    """The input's name, and whether it takes one image at a time; sides that are not known are letters."""
    inputs = session.get_inputs()
    fits = len(inputs) == 1 and inputs[0].type == _FLOATS and len(inputs[0].shape) == 4
    if fits:
        sides = zip(inputs[0].shape[1:], (3, *canvas), strict=True)
        fits = all(not (isinstance(side, int) and isinstance(one, int)) or side == one for side, one in sides)
    if not fits:
        images = f"images, float (N, 3, {canvas[0]}, {canvas[1]})"
        raise UsageError(f"{path}: its graph takes {_shown(inputs)}, and a face network takes {images}")
    return str(inputs[0].name), inputs[0].shape[0] == 1


def _embedding_size(session: Any, path: Path) -> int:
    outputs = session.get_outputs()
    fits = len(outputs) == 1 and outputs[0].type == _FLOATS and len(outputs[0].shape) == 2
    if not fits or not isinstance(outputs[0].shape[1], int) or outputs[0].shape[1] < 1:
        returned = "embeddings, float (N, d) with a fixed d"
        raise UsageError(f"{path}: its graph returns {_shown(outputs)}, and a face network returns {returned}")
    return int(outputs[0].shape[1])


def _shown(values: Any) -> str:
    """Inputs or outputs in words: ``float (1, 3)``."""
    texts = [f"{each.type.removeprefix('tensor(').rstrip(')')} ({', '.join(map(str, each.shape))})" for each in values]
    return " and ".join(texts) or "nothing"
