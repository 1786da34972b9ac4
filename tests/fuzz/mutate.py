"""Mutates valid files of data, runs, models and galleries and reads them: only sentences may come out.

    python tests/fuzz/mutate.py --inputs 100000 --seed 1

Input k of a target is the same for the same seed. What raises anything but MaskrecError is kept in ``--keep`` and makes
the exit code 1; so does an input that takes more than ``SECONDS`` of processor time, or more memory than ``MEBIBYTES``
beyond the start.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from data_targets import data_targets
from fuzz_target import Target
from json_values import with_other_values
from model_targets import model_targets

from maskrec.base.errors import MaskrecError
from maskrec.images.insightface.record_labels import MAGIC

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
class Count:
    """The outcome of a target's inputs."""

    read: int = 0
    refused: int = 0
    failed: int = 0
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        return self.read + self.refused + self.failed


def attack(target: Target, inputs: int, seed: int, folder: Path, count: Count, keep: Path | None = None) -> None:
    """Reads ``inputs`` mutated files of one target; those that fail are printed, and saved in ``keep``."""
    for name, content in target.beside.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    path = folder / target.file
    for number in range(inputs):
        dice = random.Random(f"{seed}/{target.name}/{number}")
        valid = dice.choice(target.valid)
        if target.json and dice.random() < 0.7:
            content = with_other_values(valid, dice)
        else:
            content = mutated(valid, dice.choice(target.valid), dice)
        path.write_bytes(content)
        start = time.process_time()
        try:
            target.read(path)
            count.read += 1
        except MaskrecError as error:
            count.refused += 1
            if not str(error).strip() or "Traceback" in str(error):
                _fail(count, target, number, content, keep)
        except Exception:
            _fail(count, target, number, content, keep)
        seconds = time.process_time() - start
        count.slowest = max(count.slowest, seconds)
        if seconds > SECONDS:
            _fail(count, target, number, content, keep)


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


def _print_row(name: str, count: Count) -> None:
    heads = f"{count.inputs:>7} {count.read:>7} {count.refused:>8} {count.failed:>7}"
    print(f"{name:<18} {heads} {count.slowest * 1000:>6.0f} ms", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many, over all targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_failures"), help="folder for inputs that fail")
    given = parser.parse_args()
    limit_memory()
    print(f"{'target':<18} {'inputs':>7} {'read':>7} {'refused':>8} {'failed':>7} {'slowest':>9}")
    counts: dict[str, Count] = {}
    with tempfile.TemporaryDirectory() as made:
        chosen = [*data_targets(Path(made)), *model_targets(Path(made))]
        every = sum(target.share for target in chosen)
        for number, target in enumerate(chosen):
            folder = Path(made) / str(number)
            folder.mkdir()
            inputs = round(given.inputs * target.share / every)
            attack(target, inputs, given.seed, folder, counts.setdefault(target.name, Count()), given.keep)
            if number + 1 == len(chosen) or chosen[number + 1].name != target.name:
                _print_row(target.name, counts[target.name])
    total, failed = sum(count.inputs for count in counts.values()), sum(count.failed for count in counts.values())
    print(f"{total} mutated inputs of seed {given.seed}, {failed} with anything but a sentence")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
