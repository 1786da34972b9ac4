"""A network of torch as the bytes of an ONNX graph."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import torch

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.words import one_line
from maskrec.inference.model import Model

OPSET = 17  # the first with LayerNormalization, and all torch versions from 2.6 on can write it
INPUT, OUTPUT = "images", "embeddings"

_BATCH = 2  # of the example; with 1, a network may take a branch that holds for one image only


def onnx_graph(model: Model) -> bytes:
    """The network as an ONNX file without metadata, its weights inside.

    Its input ``images`` is float32 ``(N, 3, H, W)``, normalized; its output ``embeddings`` is float32 ``(N, d)`` before
    L2 normalization; N is any number. Batch norms behind convolutions are folded into them.

    Torch's exporter by tracing is used (``dynamo=False``). It has been called legacy since torch 2.9 but is in every
    version from 2.6 on, needs ``onnx`` only and takes seconds; the one by ``torch.export`` needs ``onnxscript`` as well
    and takes many times as long for the same operators.

    Args:
        model: frozen, in float32 on the CPU.

    Raises:
        UsageError: ``onnx`` is missing.
        MaskrecError: torch cannot export the network.
    """
    example = torch.zeros(_BATCH, 3, *model.spec.canvas)
    batch = {INPUT: {0: "N"}, OUTPUT: {0: "N"}}
    with tempfile.TemporaryDirectory(prefix="maskrec-") as folder, warnings.catch_warnings(), torch.no_grad():
        file = Path(folder) / "graph.onnx"
        _silence_known()
        try:
            import onnx  # noqa: F401 - torch imports it late, and says nothing of use where it is missing

            torch.onnx.export(
                model.network,
                (example,),
                str(file),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes=batch,
                opset_version=OPSET,
                dynamo=False,
            )
        except ImportError as error:
            raise UsageError("exporting needs onnx; pip install 'maskrec[onnx]'") from error
        except Exception as error:  # each operator that the exporter does not know fails in its own way
            said = f"{model.origin}: torch cannot export its network to ONNX ({one_line(error)[:200]})"
            raise MaskrecError(f"{said}; export its weights to a name that ends in .safetensors instead") from error
        return file.read_bytes()


def _silence_known() -> None:
    """No warning of the exporter's age; nor of constants in the trace: the graph is compared with the network."""
    warnings.filterwarnings("ignore", "You are using the legacy TorchScript-based ONNX export", DeprecationWarning)
    warnings.filterwarnings("ignore", "The feature will be removed", DeprecationWarning, r"torch\.onnx")
    warnings.filterwarnings("ignore", "The feature will be removed", FutureWarning, r"torch\.onnx")
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
