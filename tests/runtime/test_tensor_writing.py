"""Files of tensors: the library's own bytes, written without a copy of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode

from maskrec.base.errors import MaskrecError
from maskrec.runtime import tensor_writing
from maskrec.runtime.state_tree import load_tree, save_tree
from maskrec.runtime.tensor_writing import bytes_of, write_tensors

TYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8]
TYPES += [torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64, torch.complex64]


@pytest.mark.parametrize("part_bytes", [64 * 2**20, 16, 1])
def test_the_bytes_are_the_librarys(part_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_writing, "PART_BYTES", part_bytes)
    shapes = [(3,), (), (0, 4), (2, 5), (1, 1, 7)]
    tensors = {
        f'{place}{kind}/é\n"{len(shape)}': (torch.arange(torch.Size(shape).numel()).reshape(shape) % 5).to(kind)
        for place, kind in enumerate(TYPES)
        for shape in shapes
    }
    metadata = {'a \x01\x7fé"\\/': "b"}
    save_file(tensors, tmp_path / "theirs.safetensors", metadata=metadata)
    write_tensors(tmp_path / "ours.safetensors", tensors, metadata)
    assert (tmp_path / "ours.safetensors").read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()


def test_tensors_in_another_order_of_memory_are_written_by_their_values(tmp_path: Path) -> None:
    images = torch.arange(48.0).reshape(2, 4, 2, 3)
    tree = {
        "turned": images.permute(3, 2, 1, 0),
        "last": images.contiguous(memory_format=torch.channels_last),
        "wide": images[:, 1:2],
    }
    save_tree(tree, tmp_path / "s.safetensors")
    back = load_tree(tmp_path / "s.safetensors")
    for name, tensor in tree.items():
        assert torch.equal(back[name], tensor)
        assert back[name].is_contiguous()


class Largest(TorchDispatchMode):
    """Elements of the largest storage that an operation makes."""

    def __init__(self, known: torch.Tensor) -> None:
        super().__init__()
        self.known, self.elements = known.untyped_storage().data_ptr(), 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (list, tuple)) else [made]:
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() != self.known:
                self.elements = max(self.elements, tensor.untyped_storage().nbytes())
        return made


def test_no_copy_of_a_large_tensor_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_writing, "PART_BYTES", 1000)
    weight = torch.ones(100_000)
    with Largest(weight) as largest:
        save_tree({"weight": weight}, tmp_path / "s.safetensors")
    assert 0 < largest.elements <= 1000
    assert torch.equal(load_tree(tmp_path / "s.safetensors")["weight"], weight)
    with Largest(weight) as largest:
        weight.clone()
    assert largest.elements == 400_000, "so the test can fail"


def test_a_type_that_the_format_lacks_is_a_sentence(tmp_path: Path) -> None:
    for tensor in (torch.zeros(2, dtype=torch.complex128), torch.eye(2).to_sparse()):
        with pytest.raises(MaskrecError, match=r"state at /a is a tensor of torch.\w+, which cannot be saved"):
            save_tree({"a": tensor}, tmp_path / "s.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_parts_are_the_tensors_bytes_in_order() -> None:
    assert b"".join(bytes_of(torch.tensor([[1, 2], [3, 4]], dtype=torch.int16))) == bytes([1, 0, 2, 0, 3, 0, 4, 0])
