"""Time and memory of TAR at FAR over 97 million comparisons, against scikit-learn's ``roc_curve`` on given scores.

Run: ``python benchmarks/bench_protocols.py [comparisons of the peer]``. Ours: 6,964 masked probes with 13,928 gallery
images of 512 numbers, from embeddings to TAR at FARs of 1e-4, 1e-5 and 1e-6. Its counts are compared with those of
products in float64. The peer gets scores that are ready, 20 million of them by default (sorting all of ours
takes 5 GB); its time is scaled up in proportion, which flatters it, since it sorts. Two rows in seconds and memory, and
one against the peer: figure | ours | peer | ratio | goal | ok or short.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
from rows import report
from sklearn.metrics import roc_curve

from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.all_comparisons import AllComparisons, compare_all
from maskrec.metrics.comparison_tiles import sorted_images

PROBES, GALLERY, WIDTH, PEOPLE = 6964, 13928, 512, 3482
FARS = (1e-4, 1e-5, 1e-6)
SECONDS, MEGABYTES, SHARE = 3.0, 1000.0, 0.1


def drawn() -> tuple[np.ndarray, ...]:
    """Embeddings, people, who wears a mask, and photos."""
    rng = np.random.default_rng(0)
    people = np.concatenate([np.arange(PROBES) % PEOPLE, np.arange(GALLERY) % PEOPLE])
    masked = np.arange(PROBES + GALLERY) < PROBES
    rows = rng.standard_normal((PEOPLE, WIDTH), np.float32)[people]
    rows += 2.2 * rng.standard_normal(rows.shape, np.float32)
    return rows, people, masked, np.arange(len(people))


def ours(images: tuple[np.ndarray, ...]) -> AllComparisons:
    """Everything from embeddings to rates."""
    compared = compare_all(sorted_images(*images), CONDITIONS.index("one_masked"), max(FARS))
    for far in FARS:
        compared.at(far)
    return compared


def counted(compared: AllComparisons) -> bool:
    """Whether products in float64 give the same counts at every threshold."""
    images = compared.images
    expected = {far: compared.decided(far) for far in FARS}
    counts = dict.fromkeys(FARS, 0)
    gallery, probes = images.rows[: images.bare], images.rows[images.bare :]
    for start in range(0, len(probes), 512):
        squared = 2 - 2 * probes[start : start + 512] @ gallery.T
        squared[images.people[images.bare + start :][: len(squared), None] == images.people[: images.bare]] = np.inf
        for far, (_, threshold) in expected.items():
            counts[far] += int(np.count_nonzero(squared <= threshold))
    return all(counts[far] == accepted for far, (accepted, _) in expected.items())


def main() -> None:
    """Print the rows."""
    peers = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000_000
    images = drawn()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    start, used = time.perf_counter(), time.process_time()
    compared = ours(images)
    mine, used = time.perf_counter() - start, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    pairs = compared.nearest.comparisons
    figure = f"{pairs:,} comparisons, {WIDTH}-d"
    words = f"{mine:.2f} s, {used:.2f} s of processors"
    report(f"{figure}: seconds", words, "-", mine, SECONDS, at_most=True)
    words = f"{memory:.0f} MB, {before:.0f} of them before"
    report(f"{figure}: memory of the process", words, "-", memory, MEGABYTES, at_most=True)
    same = counted(compared)
    print(f"{figure}: float64 counts at {len(FARS)} thresholds | {'equal' if same else 'DIFFERENT'}", flush=True)
    rng = np.random.default_rng(1)
    truth, scores = np.arange(peers) < peers // 3000, rng.standard_normal(peers)
    start = time.perf_counter()
    roc_curve(truth, scores)
    theirs = (time.perf_counter() - start) * pairs / peers
    report(
        f"{figure}, with roc_curve on given scores",
        f"{mine:.2f} s",
        f"{theirs:.2f} s",
        mine / theirs,
        SHARE,
        at_most=True,
    )
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
