"""Memory and time of a training step of the heads over many classes: forward and backward of ArcFace with focal loss.

Run: ``python benchmarks/bench_heads.py [pairs]``, or ``python benchmarks/bench_heads.py table`` for docs/heads.md,
``python benchmarks/bench_heads.py losses [classes]`` for docs/losses.md.
At a batch of 256, 100,000 classes and embeddings of 512:

- extra memory: the most that is allocated in a step beside the centres and their gradient, as torch's allocator counts
  it, so the same on every machine; against the formulas as they are usually written, with a one-hot matrix;
- time: chunked against dense, in turn, ``pairs`` times (5); the ratio is the median of the pairs' ratios;
- on a GPU, ten million classes and a batch of 1,024 with a step of SGD with momentum: the peak and the time of a step.

Rows: figure | ours | peer | ratio | goal | ok or short.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from rows import report, report_needs
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from maskrec.losses.heads.chunked_head import Chunked
from maskrec.losses.heads.class_centres import ClassCentres
from maskrec.losses.heads.dense_head import Dense
from maskrec.losses.heads.head_names import HeadName
from maskrec.losses.heads.sampled_head import Sampled
from maskrec.losses.margin_softmax import MarginSoftmax
from maskrec.losses.margins.adaface import AdaFace
from maskrec.losses.margins.arcface import Arc, ArcFace, SubcenterArcFace
from maskrec.losses.margins.combined_margin import CombinedMargin, SphereFace
from maskrec.losses.margins.cosface import CosFace
from maskrec.losses.margins.curricularface import CurricularFace
from maskrec.losses.margins.elasticface import ElasticFace
from maskrec.losses.margins.magface import MagFace
from maskrec.losses.margins.uniface import UniFace

BATCH, CLASSES, SIZE = 256, 100_000, 512
SCALE, MARGIN, GAMMA = 45.0, 0.4, 2.0
MEMORY_GOAL, TIME_GOAL = 0.1, 1.5
GPU_BATCH, GPU_CLASSES, GPU_BYTES, GPU_SECONDS = 1024, 10_000_000, 72e9, 0.2
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Plain(nn.Module):
    """ArcFace and focal loss as they are usually written: every intermediate value is a matrix of batch x classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.num_classes = classes
        self.weight = nn.Parameter(torch.empty(classes, SIZE))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The mean loss."""
        cosine = F.linear(F.normalize(embeddings), F.normalize(self.weight))
        sine = torch.sqrt((1.0 - torch.pow(cosine, 2)).clamp(1e-9, 1))
        phi = cosine * math.cos(MARGIN) - sine * math.sin(MARGIN)
        phi = torch.where(cosine > math.cos(math.pi - MARGIN), phi, cosine - math.sin(math.pi - MARGIN) * MARGIN)
        one_hot = torch.zeros_like(cosine)
        one_hot.scatter_(1, labels.view(-1, 1), 1)
        output = (one_hot * phi) + ((1.0 - one_hot) * cosine)
        output = output * SCALE
        log_p = F.cross_entropy(output, labels, reduction="none")
        return ((1 - torch.exp(-log_p)) ** GAMMA * log_p).mean()


def loss_of(head: ClassCentres) -> nn.Module:
    """Ours with that head."""
    counts = [1] * head.num_classes
    return MarginSoftmax(head.embedding_size, head.num_classes, counts, Arc(MARGIN), SCALE, "focal", head)


def step_of(loss: Any, batch: int = BATCH) -> Callable[[], object]:
    """A forward and backward pass; gradients of the pass before are let go of first."""
    loss.to(DEVICE)
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(batch, SIZE, generator=generator).to(DEVICE).requires_grad_()
    classes = loss.num_classes if isinstance(loss, Plain) else loss.head.num_classes
    labels = torch.randint(0, classes, (batch,), generator=generator).to(DEVICE)

    def step() -> None:
        embeddings.grad = None
        loss.zero_grad(set_to_none=True)
        loss(embeddings, labels).backward()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()

    return step


def extra_bytes(loss: nn.Module) -> int:
    """The most that a step allocates beside the centres' gradient."""
    step = step_of(loss)
    gradient = sum(weight.nbytes for weight in loss.parameters())
    if DEVICE.type == "cuda":
        step()
        loss.zero_grad(set_to_none=True)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before - gradient
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        step()
    assert run.profiler is not None
    assert run.profiler.kineto_results is not None
    events = run.profiler.kineto_results.events()
    changes = [event.nbytes() for event in events if event.name() == "[memory]"]
    return max(itertools.accumulate(changes)) - gradient


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def memory() -> None:
    """The row of the memory."""
    ours, theirs = extra_bytes(loss_of(Chunked(SIZE, CLASSES))), extra_bytes(Plain(CLASSES))
    figure = f"heads: extra memory, {BATCH} x {CLASSES:,} x {SIZE}, chunked and plain formulas"
    report(figure, f"{ours / 1e6:.0f} MB", f"{theirs / 1e6:.0f} MB", ours / theirs, MEMORY_GOAL, at_most=True)


def timing(pairs: int) -> None:
    """The row of the time."""
    ours, theirs = step_of(loss_of(Chunked(SIZE, CLASSES))), step_of(loss_of(Dense(SIZE, CLASSES)))
    ours(), theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(pairs)]
    ratio = statistics.median(mine / other for mine, other in times)
    mine, other = (statistics.median(column) for column in zip(*times, strict=True))
    figure = f"heads: a step, {BATCH} x {CLASSES:,} x {SIZE}, chunked and dense"
    report(figure, f"{mine:.2f} s", f"{other:.2f} s", ratio, TIME_GOAL, at_most=True)


def ten_million() -> None:
    """The rows of ten million classes, by the whole step of an optimizer with momentum."""
    figure = f"heads: {GPU_CLASSES:,} classes, batch {GPU_BATCH:,}, chunked"
    if DEVICE.type != "cuda":
        report_needs(figure, "a GPU")
        return
    torch.backends.cuda.matmul.allow_tf32 = True
    with DEVICE:
        loss = loss_of(Chunked(SIZE, GPU_CLASSES, init="unit"))
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.1, momentum=0.9, fused=True)
    run = step_of(loss, GPU_BATCH)

    def step() -> None:
        run()
        optimizer.step()
        torch.cuda.synchronize()

    step()
    torch.cuda.reset_peak_memory_stats()
    took = statistics.median(seconds(step) for _ in range(5))
    peak = torch.cuda.max_memory_allocated()
    report(f"{figure}: peak", f"{peak / 1e9:.1f} GB", "72 GB", peak / GPU_BYTES, 1.0, at_most=True)
    report(f"{figure}: a step (TF32)", f"{took:.3f} s", "0.2 s", took / GPU_SECONDS, 1.0, at_most=True)


def table() -> None:
    """Extra memory by head and number of classes, as Markdown."""
    heads: dict[str, Callable[[int], nn.Module]] = {
        "plain formulas": Plain,
        "`dense`": lambda classes: loss_of(Dense(SIZE, classes)),
        "`chunked`, `sharded` (one process)": lambda classes: loss_of(Chunked(SIZE, classes)),
        "`sampled`, share 0.1": lambda classes: loss_of(Sampled(SIZE, classes, share=0.1)),
    }
    sizes = (10_000, 30_000, 100_000)
    print("| head | " + " | ".join(f"{classes:,} classes" for classes in sizes) + " |")
    print("| --- |" + " ---: |" * len(sizes))
    for name, make in heads.items():
        print(f"| {name} | " + " | ".join(f"{extra_bytes(make(classes)) / 1e6:,.0f} MB" for classes in sizes) + " |")


def losses(classes: int, heads: tuple[HeadName, ...]) -> None:
    """Extra memory by loss and head, as Markdown."""
    kinds: tuple[Any, ...] = (ArcFace, CosFace, AdaFace, MagFace, CurricularFace, SubcenterArcFace)
    kinds += (ElasticFace, SphereFace, CombinedMargin, UniFace)
    print(f"| loss, {classes:,} classes | " + " | ".join(heads) + " |\n| --- |" + " ---: |" * len(heads))
    for kind in kinds:
        bytes_of = (extra_bytes(kind(SIZE, classes, range(1, classes + 1), head=head)) for head in heads)
        print(f"| {kind.__name__} | " + " | ".join(f"{each / 1e6:,.0f} MB" for each in bytes_of) + " |", flush=True)


def main() -> None:
    """Print the rows, or a table."""
    words = sys.argv[1:]
    torch.manual_seed(0)
    if words == ["table"]:
        table()
        return
    if words[:1] == ["losses"]:
        classes = int(words[1]) if words[1:] else 10_000
        losses(classes, ("dense", "chunked") if classes <= CLASSES else ("chunked",))
        return
    memory()
    timing(int(words[0]) if words else 5)
    ten_million()


if __name__ == "__main__":
    main()
