"""Checkpoint files: they are read as they were written, and nothing in a file can run code."""

from __future__ import annotations

import os
import pickle
import stat
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from warm_python import run_python

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import write_atomically
from maskrec.runtime.state_tree import DamagedFileError, load_tree, read_plain_values, read_tree, save_tree

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(tree=PLAIN)
@settings(deadline=None, max_examples=60)
def test_plain_values_come_back_as_they_were(tree: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("tree") / "state.safetensors"
    save_tree(tree, path)
    back = load_tree(path)
    assert back == tree
    assert type(back) is type(tree)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_come_back_bit_for_bit(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = (torch.randn(3, 5, generator=torch.Generator().manual_seed(1)) * 50).to(dtype)
    tied = {"a": tensor, "view": tensor[1:], "again": tensor, "scalar": tensor[0, 0], "empty": tensor[:0]}
    save_tree({"nested": [tied]}, tmp_path / "s.safetensors")
    back = load_tree(tmp_path / "s.safetensors")["nested"][0]
    for name, value in tied.items():
        assert back[name].dtype == dtype
        assert torch.equal(back[name], value)


def test_an_optimizer_state_comes_back(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([weight], lr=0.1)
    weight.grad = torch.tensor([1.0, 2.0, 3.0])
    optimizer.step()
    save_tree(optimizer.state_dict(), tmp_path / "s.safetensors")
    back = load_tree(tmp_path / "s.safetensors")
    assert back["param_groups"] == optimizer.state_dict()["param_groups"]
    assert torch.equal(back["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])


@pytest.mark.parametrize("value", [object(), {1.5: 2}, {True: 1}, {"deep": [set()]}, b"bytes"])
def test_other_values_are_refused_and_nothing_is_left(value: object, tmp_path: Path) -> None:
    with pytest.raises(MaskrecError, match="only"):
        save_tree(value, tmp_path / "s.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_keys_with_a_slash_and_numbers_beside_their_digits_keep_their_own_tensors(tmp_path: Path) -> None:
    tree = {"a/b": torch.tensor(1), "a": {"b": torch.tensor(2)}, 1: torch.tensor(3), "1": torch.tensor(4)}
    save_tree(tree, tmp_path / "s.safetensors")
    back = load_tree(tmp_path / "s.safetensors")
    assert [int(back["a/b"]), int(back["a"]["b"]), int(back[1]), int(back["1"])] == [1, 2, 3, 4]


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.safetensors", tmp_path / "flipped.safetensors"
    save_tree({"weights": torch.arange(4.0), "more": [torch.arange(4), 1.5], "word": "a word"}, whole)
    content = whole.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            path.write_bytes(content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :])
            with pytest.raises(DamagedFileError):
                load_tree(path)


def test_equal_trees_are_equal_bytes(tmp_path: Path) -> None:
    tree = {f"{number}": torch.full((3,), number, dtype=DTYPES[number % len(DTYPES)]) for number in range(30)}
    checksums, contents = set(), set()
    for _ in range(20):
        checksums.add(save_tree(tree, tmp_path / "s.safetensors"))
        contents.add((tmp_path / "s.safetensors").read_bytes())
    assert len(contents) == len(checksums) == 1
    assert read_tree(tmp_path / "s.safetensors").checksum in checksums
    assert save_tree({**tree, "3": tree["3"] + 1}, tmp_path / "s.safetensors") not in checksums


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nothing_that_is_not_finite_is_written(value: float, tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    save_tree({"a": torch.ones(3)}, path)
    before = path.read_bytes()
    tree = {"a": torch.ones(3), "optimizer": [{"momentum": torch.tensor([0, value])}], "z": torch.tensor(value)}
    with pytest.raises(MaskrecError, match="optimizer/0/momentum is not finite"):
        save_tree(tree, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.safetensors"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_users_umask_is_followed(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        save_tree({"a": torch.ones(3)}, tmp_path / "s.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s.safetensors").stat().st_mode) == mode


def save_first_form(structure: str, path: Path) -> None:
    save_file({"/a": torch.ones(2)}, path, metadata={"format": "maskrec-state-1", "structure": structure})


def test_the_first_form_is_read_and_has_no_checksum(tmp_path: Path) -> None:
    save_first_form('{"dict": [["a", {"tensor": "/a"}], ["n", {"value": 3}]]}', tmp_path / "s.safetensors")
    stored = read_tree(tmp_path / "s.safetensors")
    assert stored.checksum is None
    assert stored.tree["n"] == 3
    assert torch.equal(stored.tree["a"], torch.ones(2))
    save_tree(stored.tree, tmp_path / "s.safetensors")
    assert len(read_tree(tmp_path / "s.safetensors").checksum or "") == 64


def test_plain_values_are_read_without_the_tensors(tmp_path: Path) -> None:
    save_tree({"weights": torch.ones(1000), "shards": [{"file": "a"}]}, tmp_path / "s.safetensors")
    assert read_plain_values(tmp_path / "s.safetensors") == {"weights": None, "shards": [{"file": "a"}]}


@pytest.mark.parametrize(
    "structure",
    [
        *("", "3", "[]", "{}", "null", '"text"', '{"dict": 3}', '{"dict": [["a"]]}', '{"dict": {"a": {"value": 1}}}'),
        *('{"dict": [[[1], {"value": 1}]]}', '{"tensor": "/b"}', '{"tensor": ["/a"]}', '{"list": [1]}', '{"set": []}'),
        *('{"value": {"a": 1}}', '{"value": 1, "list": []}', '{"list": [' * 5000, '{"list": [' * 5000 + "]}" * 5000),
    ],
)
def test_a_structure_of_another_form_is_a_sentence(structure: str, tmp_path: Path) -> None:
    save_first_form(structure, tmp_path / "s.safetensors")
    with pytest.raises(UsageError, match="not a maskrec checkpoint or is damaged") as caught:
        load_tree(tmp_path / "s.safetensors")
    assert "\n" not in str(caught.value)


def test_a_pipe_and_a_folder_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    for path in (tmp_path / "pipe.safetensors", tmp_path):
        with pytest.raises(UsageError, match="not a regular file"):
            load_tree(path)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickled_checkpoint_that_runs_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path, trace = tmp_path / "last.safetensors", tmp_path / "ran"
    path.write_bytes(pickle.dumps({"backbone": Bomb(trace)}))
    with pytest.raises(UsageError, match="not a maskrec checkpoint"):
        load_tree(path)
    torch.save({"backbone": Bomb(trace)}, path)
    with pytest.raises(UsageError, match="not a maskrec checkpoint"):
        load_tree(path)
    assert not trace.exists()


def test_damaged_and_foreign_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    whole = tmp_path / "whole.safetensors"
    save_tree({"a": torch.arange(1000)}, whole)
    content = whole.read_bytes()
    for number, cut in enumerate((0, 5, 9, 200, len(content) - 1)):
        path = tmp_path / f"cut{number}.safetensors"
        path.write_bytes(content[:cut])
        with pytest.raises(UsageError, match="damaged"):
            load_tree(path)
    with pytest.raises(UsageError, match="does not exist"):
        load_tree(tmp_path / "absent.safetensors")
    save_file({"a": torch.ones(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(UsageError, match="not a maskrec checkpoint"):
        load_tree(tmp_path / "foreign.safetensors")


FULL_DISK = """
import resource, signal, sys, torch
from pathlib import Path
from maskrec.base.errors import MaskrecError
from maskrec.runtime.state_tree import load_tree, save_tree
path = Path(sys.argv[1])
save_tree({"a": torch.ones(10)}, path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    save_tree({"a": torch.zeros(1_000_000)}, path)
except MaskrecError as error:
    print(error)
print(load_tree(path)["a"].sum().item(), sorted(p.name for p in path.parent.iterdir()))
"""


def test_a_disk_full_while_saving_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    """The kernel refuses to write past a limit, as it does on a full disk."""
    path = tmp_path / "last.safetensors"
    done = run_python(["-c", FULL_DISK, path])
    sentence, rest = done.stdout.splitlines()
    assert "could not be written" in sentence
    assert "free some space" in sentence
    assert rest == "10.0 ['last.safetensors']"


def test_a_writer_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(MaskrecError, match="No space left"):
        write_atomically(path, fail)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]
