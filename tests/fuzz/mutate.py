"""Mutates valid .rec, .idx, .bin, tar, CSV, image and run files and reads them: only sentences may come out.

    python tests/fuzz/mutate.py --inputs 100000 --seed 1

Input k of a target is the same for the same seed. What raises anything but MaskrecError is kept in ``--keep`` and makes
the exit code 1; so does an input that takes more than ``SECONDS``, or more memory than ``MEBIBYTES`` beyond the start.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import valid_files

from maskrec.base.errors import MaskrecError
from maskrec.contracts.context import Context
from maskrec.contracts.problem import Problems
from maskrec.datasets.image_csv import ImageCsv
from maskrec.images.csv_table import read_table
from maskrec.images.decoding import read_image
from maskrec.images.insightface.binfile import read_bin
from maskrec.images.insightface.record_labels import MAGIC
from maskrec.images.insightface.recordio import RecordFile
from maskrec.images.random_access import RandomAccessFile
from maskrec.images.tars.tarfiles import group_samples, members_in
from maskrec.pairs.pairs_csv import pairs_csv
from maskrec.preparation.sources.opening import open_source
from maskrec.runtime.run_directory import read_json
from maskrec.runtime.state_tree import PackedTree, _checksum
from maskrec.runtime.weight_files import read_checkpoint

SECONDS = 5.0
MEBIBYTES = 512

_NUMBERS = [
    0, 1, 4, 24, 0x7F, 0x80, 0xFF, 0xFFFF, MAGIC, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1,
]  # fmt: skip
_WORDS = [
    b",", b'"', b'""', b"\n", b"\r\n", b"\r", b"\0", b"\xef\xbb\xbf", b"\xff", "é".encode(), b"nan", b"1e999", b"-1",
    b"0.5", b"9" * 30, b"9" * 5000, b" ", b"\t", b"../..", b"/", b"[", b"{", b"path", b"target", b"ustar\0", b"\x93",
    b"0000644\0", b"77777777777\0", b"\x80\0\0\0\0\0\0\0\xff\xff\xff\xff", b"cos\nsystem\n", b"R", b"b", b"(", b"t",
    b"h\0", b"q\0", b".", b"\x8e", b"\x95", b"\x96", b"\x8a\xff", b"r\xff\xff\xff\xff", b"numpy", b"x", b"g", b"L",
    b"2", b"5",
]  # fmt: skip


def mutated(valid: bytes, other: bytes, dice: random.Random) -> bytes:
    """One to five changes: other bytes, numbers or words; ranges deleted, repeated, zeroed or from another file."""
    data = bytearray(valid)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 5))):
        place = dice.randrange(len(data) + 1)
        length = min(dice.choice((1, 2, 4, 8, 16, 64, 512, 2048)), len(data) - place)
        kind = dice.randrange(10)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << dice.randrange(8)
        elif kind == 1 and place < len(data):
            data[place] = dice.randrange(256)
        elif kind == 2:
            size = dice.choice((1, 2, 4, 8))
            number = (dice.choice(_NUMBERS) + dice.randrange(-2, 3)) % 256**size
            data[place : place + size] = number.to_bytes(size, dice.choice(("little", "big")))
        elif kind == 3:
            word = dice.choice(_WORDS)
            data[place : place + dice.choice((0, len(word)))] = word
        elif kind == 4:
            del data[place : place + length]
        elif kind == 5:
            del data[place:]
        elif kind == 6:
            data[place:place] = data[place : place + length] * dice.choice((1, 2, 20))
        elif kind == 7:
            start = dice.randrange(len(other) + 1)
            data[place : place + dice.choice((0, length))] = other[start : start + length]
        elif kind == 8:
            data[place : place + length] = bytes(length)
        else:
            lines = bytes(data).split(b"\n")
            lines.insert(dice.randrange(len(lines)), dice.choice(lines))
            data = bytearray(b"\n".join(lines))
    return bytes(data)


@dataclass
class Target:
    """One kind of input: valid files, where a mutated one is put, and what reads it."""

    name: str
    share: float
    file: str
    valid: list[bytes]
    read: Callable[[Path], object]
    beside: dict[str, bytes]


def _read_rec(path: Path) -> None:
    records = RecordFile(path.with_suffix(".rec"))
    for index in range(len(records)):
        records[index]
        records.label(index)
    if records.identities().tolist() != [records.identity(index) for index in range(len(records))]:
        raise AssertionError("identities() are not what identity() says")


def _read_tar(path: Path) -> None:
    file = RandomAccessFile(path)
    members = members_in(file)
    for member in members:
        file.read(member.offset, member.size)
    group_samples(members)


def _read_source(path: Path) -> None:
    source = open_source(path)
    source.fingerprint()
    for item in source.items:
        source.read(item)


def _read_table(path: Path) -> None:
    problems = Problems()
    table = read_table(path, ("path", "target"), ("masked",), ("note",), problems)
    problems.raise_errors(str(path))
    [table.mark(row) for row in range(len(table))]


def _read_dataset(path: Path) -> None:
    ImageCsv(path, Context(), 16)


def _read_pairs(path: Path) -> None:
    pairs_csv(Context(path="fuzz"), 16, 1, path=path)


def _read_structure(path: Path) -> None:
    """A checkpoint whose structure is this text; its checksum matches, so that the text itself is parsed."""
    text = path.read_bytes().decode("utf-8", "replace")
    tensors = {"/backbone/w": torch.arange(6.0)}
    PackedTree(tensors, text, _checksum(text, tensors)).write(path.with_name("best.safetensors"))
    read_checkpoint(path.with_name("best.safetensors"))


def targets(folder: Path) -> list[Target]:
    """All targets; ``folder`` is for making their valid files."""
    records, tars = valid_files.records(folder), valid_files.tars(folder)
    photos = {f"{name}.jpg": b"photo" for name in "abc"}
    tables = [text.encode() for text in [*valid_files.TABLES, valid_files.FACES]]
    recs, pairs = [rec for rec, _ in records], [text.encode() for text in valid_files.PAIRS]
    return [
        Target("rec, scanned", 0.1, "a.rec", recs, _read_rec, {}),
        Target("rec with idx", 0.1, "a.rec", recs[:1], _read_rec, {"a.idx": records[0][1]}),
        Target("idx", 0.18, "a.idx", [idx for _, idx in records[:1]], _read_rec, {"a.rec": recs[0]}),
        Target("bin", 0.13, "a.bin", valid_files.bins(), read_bin, {}),
        Target("tar", 0.12, "a.tar", tars, _read_tar, {}),
        Target("tar as source", 0.05, "a.tar", tars, _read_source, {}),
        Target("csv table", 0.06, "a.csv", tables[:2], _read_table, {}),
        Target("csv of a data set", 0.06, "a.csv", tables, _read_dataset, photos),
        Target("csv of pairs", 0.03, "a.csv", pairs, _read_pairs, photos),
        Target("csv as source", 0.03, "a.csv", tables, _read_source, photos),
        Target("photo", 0.06, "a.jpg", valid_files.photos(), read_image, {}),
        Target("json of a run", 0.03, "provenance.json", valid_files.PROVENANCES, read_json, {}),
        Target("checkpoint", 0.05, "structure.json", valid_files.checkpoint_structures(), _read_structure, {}),
    ]


@dataclass
class Count:
    """The outcome of a target's inputs."""

    read: int = 0
    refused: int = 0
    failed: int = 0
    slowest: float = 0.0


def attack(target: Target, inputs: int, seed: int, folder: Path, keep: Path | None = None) -> Count:
    """Reads ``inputs`` mutated files of one target; those that fail are printed, and saved in ``keep``."""
    count = Count()
    for name, content in target.beside.items():
        (folder / name).write_bytes(content)
    path = folder / target.file
    for number in range(inputs):
        dice = random.Random(f"{seed}/{target.name}/{number}")
        content = mutated(dice.choice(target.valid), dice.choice(target.valid), dice)
        path.write_bytes(content)
        start = time.monotonic()
        try:
            target.read(path)
            count.read += 1
        except MaskrecError as error:
            count.refused += 1
            if not str(error).strip() or "Traceback" in str(error):
                _fail(count, target, number, content, keep)
        except Exception:
            _fail(count, target, number, content, keep)
        seconds = time.monotonic() - start
        count.slowest = max(count.slowest, seconds)
        if seconds > SECONDS:
            _fail(count, target, number, content, keep)
    return count


def _fail(count: Count, target: Target, number: int, content: bytes, keep: Path | None) -> None:
    count.failed += 1
    print(f"{target.name}, input {number}: {content[:60]!r}", file=sys.stderr)
    traceback.print_exc()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{target.name.replace(' ', '_')}_{number}").write_bytes(content)


def limit_memory() -> None:
    """A reader that trusts a length in a file gets a MemoryError."""
    status = Path("/proc/self/status")
    if status.exists():
        used = int(status.read_text().split("VmSize:")[1].split()[0]) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (used + (MEBIBYTES << 20), resource.getrlimit(resource.RLIMIT_AS)[1]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many, over all targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_failures"), help="folder for inputs that fail")
    given = parser.parse_args()
    limit_memory()
    failed = total = 0
    print(f"{'target':<18} {'inputs':>7} {'read':>7} {'refused':>8} {'failed':>7} {'slowest':>9}")
    with tempfile.TemporaryDirectory() as made:
        for number, target in enumerate(targets(Path(made))):
            folder = Path(made) / str(number)
            folder.mkdir()
            count = attack(target, round(given.inputs * target.share), given.seed, folder, given.keep)
            inputs = count.read + count.refused + count.failed
            failed, total = failed + count.failed, total + inputs
            print(
                f"{target.name:<18} {inputs:>7} {count.read:>7} {count.refused:>8} {count.failed:>7} "
                f"{count.slowest * 1000:>6.0f} ms",
                flush=True,
            )
    print(f"{total} mutated inputs of seed {given.seed}, {failed} with anything but a sentence")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
