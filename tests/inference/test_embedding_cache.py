"""Embeddings kept on disk: found by what the network sees, of one model only, for their owner only."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.embedding_cache import EmbeddingCache, clear_cache, open_cache
from maskrec.inference.model import Model
from maskrec.runtime.compute import Compute

CPU = Compute(torch.device("cpu"))
IMAGES = torch.from_numpy(np.random.default_rng(0).random((6, 3, 8, 8), np.float32))


class Sums(nn.Module):
    """Sums of each colour."""

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` to ``(B, 3)``."""
        return images.sum(dim=(2, 3))


MODEL = Model(Sums(), InputSpec(size=8), None, "sums")


class Counting:
    """Embeds, and counts how many pictures it was given."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return Sums()(images)


def cache(folder: Path, model: Model = MODEL, weights: str = "w", compute: Compute = CPU) -> EmbeddingCache:
    return open_cache(folder, model, weights, None, compute)


def test_a_picture_is_embedded_once_also_in_the_next_process(tmp_path: Path) -> None:
    first, embed = cache(tmp_path / "kept"), Counting()
    doubled = torch.cat([IMAGES[:4], IMAGES[:2]])
    torch.testing.assert_close(first.embed(doubled, embed), Sums()(doubled), rtol=0, atol=0)
    assert embed.seen == 4
    torch.testing.assert_close(first.embed(IMAGES[2:], embed), Sums()(IMAGES[2:]), rtol=0, atol=0)
    assert embed.seen == 6
    first.save()
    again = cache(tmp_path / "kept")
    torch.testing.assert_close(again.embed(IMAGES, embed), Sums()(IMAGES), rtol=0, atol=0)
    assert embed.seen == 6
    assert not again.note
    changed = IMAGES.clone()
    changed[5, 0, 0, 0] += 2**-20
    torch.testing.assert_close(again.embed(changed, embed), Sums()(changed), rtol=0, atol=0)
    assert embed.seen == 7


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    kept = cache(tmp_path / "kept")
    kept.embed(IMAGES, Counting())
    kept.save()
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    (tmp_path / "kept/photo.jpg").write_text("x")
    assert clear_cache(tmp_path / "kept") == 1
    assert [each.name for each in (tmp_path / "kept").iterdir()] == ["photo.jpg"]
    assert clear_cache(tmp_path / "absent") == 0


def test_whatever_changes_an_embedding_has_a_file_of_its_own(tmp_path: Path) -> None:
    class Other(nn.Module):
        """Another network."""

        def forward(self, images: Tensor) -> Tensor:
            """``(B, 3, H, W)`` to ``(B, 3)``."""
            return images.mean(dim=(2, 3))

    mean = replace(MODEL, spec=InputSpec(size=8, mean=(0.1, 0.1, 0.1)))
    different = [
        cache(tmp_path).path,
        cache(tmp_path, weights="v").path,
        cache(tmp_path, mean).path,
        cache(tmp_path, replace(MODEL, network=nn.Linear(2, 2))).path,
        cache(tmp_path, compute=replace(CPU, precision="bfloat16")).path,
        cache(tmp_path, compute=replace(CPU, channels_last=True)).path,
        open_cache(tmp_path, MODEL, "w", {"dropout": 0.4}, CPU).path,
    ]
    assert len(set(different)) == len(different)
    assert cache(tmp_path).path == different[0]


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    one, other = cache(tmp_path), cache(tmp_path)
    one.embed(IMAGES[:3], Counting())
    other.embed(IMAGES[3:], Counting())
    one.save()
    other.save()
    embed = Counting()
    cache(tmp_path).embed(IMAGES, embed)
    assert embed.seen == 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 garbage", None])
def test_a_damaged_file_is_said_and_made_again(tmp_path: Path, content: bytes | None) -> None:
    kept = cache(tmp_path)
    kept.embed(IMAGES, Counting())
    kept.save()
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    again, embed = cache(tmp_path), Counting()
    assert "cannot be read" in again.note
    assert again.note.endswith("so its embeddings are made again")
    again.embed(IMAGES, embed)
    again.save()
    assert embed.seen == 6
    assert not cache(tmp_path).note


def test_embeddings_that_are_not_finite_are_not_kept(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    found = kept.embed(IMAGES, lambda images: Sums()(images) * torch.nan)
    assert found.isnan().all()
    kept.save()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match=r"--cache .*file: it cannot be used"):
        cache(tmp_path / "file")
