"""InceptionResnetV1 as an ONNX file against PyTorch's eager mode: faces per second at 160 px, batch 1 and 32.

Run: ``python benchmarks/bench_onnx.py [rounds] [threads]``. The peer is the better of PyTorch's two memory formats
(contiguous and channels last) under ``inference_mode``; all three take the same float batches and use the same number
of threads (2), in turn, ``rounds`` times (15). Weights are random, which does not affect the time. A second row a batch
compares the embeddings, so that nothing is fast because it is wrong.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rows import report

from maskrec.backbones.inception_resnet_v1 import InceptionResnetV1
from maskrec.base.processors import usable_processors
from maskrec.inference.exported.export_model import graph_with
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries
from maskrec.inference.exported.onnx_network import OnnxNetwork
from maskrec.inference.exported.torch_to_onnx import onnx_graph
from maskrec.inference.model import Model, frozen_model

GOAL, LARGEST_DIFFERENCE = 1.3, 1e-4
BATCHES = (1, 32)
SECONDS = 0.2  # a measurement repeats the work for at least this long

Work = Callable[[], object]


def model() -> Model:
    """The network with batch norms that have seen images."""
    torch.manual_seed(0)
    network = InceptionResnetV1()
    with torch.no_grad():
        network.train()(torch.randn(4, 3, 160, 160))
    return frozen_model(network, "InceptionResnetV1")


def exported(given: Model, threads: int) -> OnnxNetwork:
    """As ``maskrec export`` writes it."""
    content = graph_with(metadata_entries(OnnxMetadata(given.spec)), onnx_graph(given))
    return OnnxNetwork(Path("inception.onnx"), content, threads)


def eager(network: torch.nn.Module, images: torch.Tensor, layout: torch.memory_format) -> Work:
    """The network on images of a memory format; its weights have it already."""
    placed = images.contiguous(memory_format=layout)

    def work() -> object:
        with torch.inference_mode():
            return network(placed)

    return work


def rate(work: Work, count: int) -> float:
    """Faces per second."""
    start = time.perf_counter()
    runs = 0
    while time.perf_counter() - start < SECONDS or runs == 0:
        work()
        runs += 1
    return runs * count / (time.perf_counter() - start)


def main() -> None:
    """Print the rows."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else min(2, usable_processors())
    torch.set_num_threads(threads)
    given = model()
    file = exported(given, threads)
    last = model().network.to(memory_format=torch.channels_last)
    for batch in BATCHES:
        images = torch.randn(batch, 3, 160, 160)
        array = images.numpy()
        works: dict[str, Work] = {
            "onnx": lambda array=array: file.run(array),  # type: ignore[misc]
            "contiguous": eager(given.network, images, torch.contiguous_format),
            "channels last": eager(last, images, torch.channels_last),
        }
        answers = {name: np.asarray(work()) for name, work in works.items()}
        rates: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(rounds):
            for name, work in works.items():
                rates[name].append(rate(work, batch))
        peer = max(("contiguous", "channels last"), key=lambda name: statistics.median(rates[name]))
        ratio = statistics.median(a / b for a, b in zip(rates["onnx"], rates[peer], strict=True))
        texts = [f"{statistics.median(rates[name]):.1f} faces/s" for name in ("onnx", peer)]
        figure = f"InceptionResnetV1 as ONNX, batch {batch}, {threads} threads"
        report(figure, texts[0], f"{texts[1]}, {peer}", ratio, GOAL)
        units = [
            rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (answers["onnx"], answers["contiguous"])
        ]
        difference = float(np.linalg.norm(units[0] - units[1], axis=1).max())
        limits = (f"{difference:.1e}", f"{LARGEST_DIFFERENCE:.0e}", difference, LARGEST_DIFFERENCE)
        report(f"its largest difference of unit embeddings, batch {batch}", *limits, at_most=True)


if __name__ == "__main__":
    main()
