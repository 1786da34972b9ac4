"""What a gallery has confirmed is there after a kill, and after several processes wrote at once."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from warm_python import ROOT, run_python

from maskrec.inference.galleries.gallery_file import GalleryFile

PREAMBLE = f"""
import json, os, random, signal, sqlite3, sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT / "tests" / "support")!r})
from small_galleries import MODEL, new_face
from maskrec.inference.galleries.gallery_file import GalleryFile
path = Path(sys.argv[1])
"""

# Each fork adds two people and removes the first of them, again and again, until it is killed at any moment.
KILLS = (
    PREAMBLE
    + """
def steps(turn):
    for number in range(1000):
        yield "add", f"P{turn}.{number}.a"
        yield "add", f"P{turn}.{number}.b"
        yield "remove", f"P{turn}.{number}.a"

def work(turn, out):
    with GalleryFile.open(path, write=True) as gallery:
        for number, (verb, name) in enumerate(steps(turn)):
            if verb == "add":
                gallery.add(name, [new_face(1000 * turn + number)])
            else:
                gallery.remove(name)
            os.write(out, b".")

def there():
    with GalleryFile.open(path) as gallery:
        gallery.faces()
        return {person.name for person in gallery.people()}

GalleryFile.create(path, MODEL).close()
rng = random.Random(0)
for turn in range(50):
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        work(turn, writes)
    os.close(writes)
    count = rng.randrange(5)
    for _ in range(count):
        os.read(reads, 1)
    time.sleep(rng.random() * 0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reads, "rb") as stream:
        confirmed = count + len(stream.read())
    print(json.dumps([confirmed, sorted(there())]))
"""
)

SEVERAL = (
    PREAMBLE
    + """
GalleryFile.create(path, MODEL).close()
children = []
for number in range(3):
    if (child := os.fork()) == 0:
        with GalleryFile.open(path, write=True) as gallery:
            for turn in range(8):
                gallery.add(f"P{number}.{turn}", [new_face(1000 * number + turn)])
                gallery.add("everybody", [new_face(1000 * number + 500 + turn)])
                if turn % 5 == 4:
                    gallery.remove(f"P{number}.{turn - 2}", wait=0)
        os._exit(0)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])
"""
)


def test_three_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "people.gallery"
    done = run_python(["-c", SEVERAL, path])
    assert (done.stdout, done.stderr) == ("[0, 0, 0]\n", "")
    expected = {f"P{number}.{turn}" for number in range(3) for turn in range(8) if turn != 2}
    with GalleryFile.open(path) as gallery:
        faces, people = gallery.faces(), gallery.people()
        assert gallery.revision == 3 * (8 + 8 + 1)
    assert {person.name for person in people} == expected | {"everybody"}
    assert next(person.faces for person in people if person.name == "everybody") == 24
    assert len(set(faces.ids.tolist())) == len(faces.ids) == len(expected) + 24


def after(turn: int, count: int) -> set[str]:
    """Who is there after so many steps of a fork."""
    full, rest = divmod(count, 3)
    return {f"P{turn}.{number}.b" for number in range(full)} | {f"P{turn}.{full}.{x}" for x in "ab"[:rest]}


def test_what_was_confirmed_is_there_after_each_of_fifty_kills(tmp_path: Path) -> None:
    """And nothing else but the step that was being done, which is there as a whole or not at all."""
    path = tmp_path / "people.gallery"
    done = run_python(["-c", KILLS, path])
    assert done.stderr == ""
    before: set[str] = set()
    for turn, line in enumerate(done.stdout.splitlines()):
        confirmed, names = json.loads(line)
        found = set(names)
        assert found - before in (after(turn, confirmed), after(turn, confirmed + 1))
        assert before <= found
        before = found
    assert turn == 49
    assert len(before) > 50
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
