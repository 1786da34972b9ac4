"""A model in use: what ``verify`` and ``embed`` cost beside the detection and the network that they consist of.

Run: ``python benchmarks/bench_using.py MODEL.onnx [--lfw FOLDER] [--photos 256] [--rounds 5]``. Everything on one CPU
thread; ours and the peer in turn. Three rows:

- ``verify`` in a running process, against detection of both photos plus the network on both faces; goal at most 1.5.
- ``embed`` of a folder, against ``data align`` of it plus a bare loop that embeds the aligned faces; goal at least 0.9.
- the command ``verify``, against ``python -c 'import torch, facenet_pytorch'`` plus detection; goal at most 1.5.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from first_photos import first_photos
from PIL import Image
from rows import report

from maskrec.detection.find_faces import find_faces
from maskrec.images.canvas import pixels_on_canvas
from maskrec.inference.exported.onnx_network import OnnxNetwork
from maskrec.inference.face_model import FaceModel
from maskrec.inference.open_face_model import open_face_model
from maskrec.preparation.aligning.aligning import AlignSettings, aligning
from maskrec.preparation.embedding.embedding_group import EmbedGroup, ModelSettings
from maskrec.preparation.embedding.embedding_job import EmbeddingFiles, EmbeddingJob, embed_source
from maskrec.preparation.resumable.job import run
from maskrec.preparation.sources.opening import open_source
from maskrec.preparation.sources.photo_source import Source

FACES = Path(__file__).parents[2] / "shared" / "faces"
WARM_GOAL, FOLDER_GOAL, COMMAND_GOAL = 1.5, 0.9, 1.5


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(ours: Callable[[], object], peer: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of ours over the peer's."""
    pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    return (
        statistics.median(one for one, _ in pairs),
        statistics.median(other for _, other in pairs),
        statistics.median(one / other for one, other in pairs),
    )


def detect_and_embed(model: FaceModel, photos: Sequence[Path]) -> None:
    """Detection and the network alone, one photo after the other."""
    canvases = []
    for path in photos:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        (faces,) = find_faces([pixels], None)
        best = int(np.argmax(faces.scores))
        canvases.append(pixels_on_canvas(pixels, faces.landmarks[best], model.spec.size, model.spec.alignment)[0])
    model.network.embed(np.stack(canvases))


def warm(model: FaceModel, pairs: Sequence[tuple[Path, Path]], rounds: int) -> None:
    """The row of ``verify`` in a running process."""

    def ours() -> None:
        for a, b in pairs:
            model.verify(a, b, face="largest", condition="bare")

    def peer() -> None:
        for a, b in pairs:
            detect_and_embed(model, (a, b))

    ours()
    mine, theirs, ratio = in_turn(ours, peer, rounds)
    each = [f"{1000 * total / len(pairs):.1f} ms a pair" for total in (mine, theirs)]
    report("verify in a running process; peer detection and network", *each, ratio, WARM_GOAL, at_most=True)


def folder(where: Path, source: Source, rounds: int) -> None:
    """The row of ``embed``."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)

        def ours() -> None:
            files = EmbeddingFiles(root / "ours" / "faces.npz")
            process = EmbedGroup(files.unfinished, source.reader, ModelSettings(str(where)), face="central")
            embed_source(EmbeddingJob(source, files, process))
            shutil.rmtree(root / "ours")

        def peer() -> None:
            run(aligning(source, root / "aligned", AlignSettings(choice="central")))
            network = OnnxNetwork(where)
            paths = sorted((root / "aligned").rglob("*.jpg"))
            for start in range(0, len(paths), 32):
                faces = [np.asarray(Image.open(path)) for path in paths[start : start + 32]]
                network.embed(np.stack(faces))
            shutil.rmtree(root / "aligned")

        mine, theirs, ratio = in_turn(ours, peer, rounds)
    count = len(source.items)
    rates = [f"{count / total:.1f} photos/s" for total in (mine, theirs)]
    report("embed on a folder, 1 worker; peer data align and a bare loop", *rates, 1 / ratio, FOLDER_GOAL)


def command(where: Path, a: Path, b: Path, rounds: int) -> None:
    """The row of the command ``verify``."""
    words = [sys.executable, "-m", "maskrec", "verify", str(where), str(a), str(b), "--face", "largest"]
    detection = (
        "import sys, torch, facenet_pytorch, numpy as np\nfrom PIL import Image\ntorch.set_num_threads(1)\n"
        "mtcnn = facenet_pytorch.MTCNN()\n"
        "for path in sys.argv[1:]: mtcnn.detect(Image.open(path).convert('RGB'), landmarks=True)"
    )

    def ours() -> None:
        subprocess.run([*words, "--condition", "bare"], check=False, capture_output=True)

    def peer() -> None:
        subprocess.run([sys.executable, "-c", detection, str(a), str(b)], check=True, capture_output=True)

    ours()
    peer()
    mine, theirs, ratio = in_turn(ours, peer, rounds)
    figure = "the command verify; peer python, torch, facenet_pytorch and its detection"
    report(figure, f"{mine:.2f} s", f"{theirs:.2f} s", ratio, COMMAND_GOAL, at_most=True)


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path, nargs="?", help="an exported .onnx file")
    parser.add_argument("--lfw", type=Path, default=FACES / "lfw")
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if given.model is None or not given.lfw.is_dir():
        print("verify and embed | needs an exported model and a folder of photos")
        return
    torch.set_num_threads(1)
    source = open_source(given.lfw)
    photos = [source.path / item.place for item in source.items[: given.photos]]
    command(given.model, photos[0], photos[1], given.rounds)
    model = open_face_model(given.model, device="cpu")
    warm(model, list(zip(photos[:16:2], photos[1:16:2], strict=True)), given.rounds)
    folder(given.model, first_photos(source, given.photos), 3)


if __name__ == "__main__":
    main()
