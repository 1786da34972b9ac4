"""Embedding: what a network sees of each image, in which mode and how often; nothing else has an effect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from warm_python import run_ranks

from maskrec.base.errors import MaskrecError
from maskrec.contracts.evaluation import View
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.sample import Sample
from maskrec.faces.alignment import ARCFACE_POINTS
from maskrec.inference.embedder import Embedder
from maskrec.inference.model import Model, eval_mode
from maskrec.runtime.compute import Compute

SIZE = 32
CPU = Compute(torch.device("cpu"))
POINTS = torch.tensor(ARCFACE_POINTS, dtype=torch.float32) * SIZE / 112


class Faces:
    """Images of noise with landmarks; ``broken`` cannot be read."""

    def __init__(self, number: int, landmarks: bool = True, broken: int = -1) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (number, 3, SIZE, SIZE), np.uint8)
        self.images, self.landmarks, self.broken = torch.from_numpy(noise), landmarks, broken

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        if index == self.broken:
            raise MaskrecError(f"face {index} cannot be read")
        return Sample(self.images[index], -1, POINTS if self.landmarks else None, False, str(index))


class Pixels(nn.Module):
    """The network's input itself, and the mode in which each batch was seen."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding_size = 3 * SIZE * SIZE
        self.modes: list[tuple[bool, int]] = []

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` to ``(B, 3 * H * W)``."""
        self.modes.append((self.training, len(images)))
        return images.flatten(1)


def pair_set(images: Faces, masks: list[str | None] | None = None, label: str = "pairs") -> PairSet:
    """Each image beside itself."""
    own = np.arange(len(images))
    worn = masks or [None] * len(images)
    return PairSet(label, images, worn, own, own, np.ones(len(own), np.bool_), np.zeros(len(own), np.int8))


def embedder(network: nn.Module | None = None, compute: Compute = CPU, seed: int = 3, **options: Any) -> Embedder:
    model = Model(network or Pixels(), InputSpec(SIZE, (0.0,) * 3, (1.0,) * 3), None, "a test")
    return Embedder(model, compute, seed, **{"workers": 0, **options})


def as_images(rows: np.ndarray[Any, Any]) -> Tensor:
    return torch.tensor(rows).view(-1, 3, SIZE, SIZE)


def test_every_image_is_a_row_in_order_by_the_models_statistics() -> None:
    faces = Faces(5)
    spec = InputSpec(SIZE, (0.5, 0.25, 0.0), (0.5, 1.0, 2.0), "bgr")
    rows = Embedder(Model(Pixels(), spec, None, "a test"), CPU, 0, 0, batch_size=2)(pair_set(faces))
    expected = faces.images.flip(1).float() / 255
    expected = (expected - torch.tensor(spec.mean).view(3, 1, 1)) / torch.tensor(spec.std).view(3, 1, 1)
    assert rows.dtype == np.float32
    assert torch.allclose(as_images(rows), expected, atol=1e-6)


def test_rows_are_read_only_because_the_next_call_returns_them_too() -> None:
    embed, pairs = embedder(), pair_set(Faces(3))
    with pytest.raises(ValueError, match="read-only"):
        embed(pairs)[:] = 1
    with pytest.raises(TypeError, match="embed was given None, and it takes a PairSet"):
        embed(None)  # type: ignore[arg-type]


def test_views_show_the_image_mirrored_and_its_middle() -> None:
    faces = Faces(3)
    faces.images[:, :, SIZE // 4 : 3 * SIZE // 4, SIZE // 4 : 3 * SIZE // 4] = 51
    embed, pairs = embedder(), pair_set(faces)
    plain = as_images(embed(pairs))
    assert torch.equal(as_images(embed(pairs, View(flip=True))), plain.flip(-1))
    middle = as_images(embed(pairs, View(crop=0.5)))
    assert torch.allclose(middle, torch.full_like(middle, 0.2), atol=1e-5)
    assert not torch.allclose(plain, middle, atol=0.1)
    most = as_images(embed(pairs, View(crop=0.75)))
    both = as_images(embed(pairs, View(flip=True, crop=0.75)))
    assert torch.equal(both, most.flip(-1))
    assert not torch.equal(most, middle)


def test_a_pair_set_is_embedded_once_a_view() -> None:
    network = Pixels()
    embed, pairs = embedder(network, batch_size=2), pair_set(Faces(5))
    first = embed(pairs)
    assert [size for _, size in network.modes] == [2, 2, 1]
    assert embed(pairs) is first
    assert embed(pairs, View()) is first
    assert len(network.modes) == 3
    embed(pairs, View(flip=True))
    assert len(network.modes) == 6
    assert np.array_equal(embed(replace(pairs)), first)
    assert len(network.modes) == 9


class Half(nn.Module):
    """One part that is trained and one that stays in eval mode, as a partly frozen backbone has."""

    def __init__(self) -> None:
        super().__init__()
        self.trained = nn.Sequential(Pixels(), nn.BatchNorm1d(3 * SIZE * SIZE))
        self.still = nn.BatchNorm1d(3 * SIZE * SIZE)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` to ``(B, 3 * H * W)``."""
        out: Tensor = self.still(self.trained(images))
        return out


@pytest.mark.parametrize("broken", [-1, 3])
def test_the_network_is_in_eval_mode_and_every_part_goes_back_to_its_own(broken: int) -> None:
    network = Half().train()
    network.still.eval()
    before = {name: module.training for name, module in network.named_modules()}
    embed = embedder(network, batch_size=2)
    if broken < 0:
        embed(pair_set(Faces(5)))
    else:
        with pytest.raises(MaskrecError, match="face 3"):
            embed(pair_set(Faces(5, broken=broken)))
    assert {name: module.training for name, module in network.named_modules()} == before
    pixels = network.trained[0]
    assert isinstance(pixels, Pixels)
    assert pixels.modes
    assert not any(training for training, _ in pixels.modes)
    for name, value in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert value == 0


def test_a_network_in_eval_mode_stays_in_it() -> None:
    network = nn.Sequential(nn.Dropout(), nn.Linear(1, 1)).eval()
    with eval_mode(network):
        pass
    assert not any(module.training for module in network.modules())


MASKS: list[str | None] = [None, "kn95", "n95", None, "kn95", "kn95", "n95"]


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (2, 0), (3, 2), (100, 1)])
def test_masks_are_the_same_for_any_batch_size_and_any_number_of_workers(batch_size: int, workers: int) -> None:
    pairs = pair_set(Faces(len(MASKS)), MASKS)
    expected = embedder(batch_size=4)(pairs)
    assert np.array_equal(embedder(batch_size=batch_size, workers=workers)(pairs), expected)


def test_masks_are_drawn_by_seed_and_label_and_put_on_where_they_belong() -> None:
    faces = Faces(len(MASKS))
    bare, masked = embedder()(pair_set(faces)), embedder()(pair_set(faces, MASKS))
    changed = (bare != masked).any(1).tolist()
    assert changed == [kind is not None for kind in MASKS]
    for other in (embedder(seed=4)(pair_set(faces, MASKS)), embedder()(pair_set(faces, MASKS, label="others"))):
        assert (other != masked).any(1).tolist() == changed
    same = Faces(3)
    same.images[1:] = same.images[0]
    assert len(np.unique(embedder()(pair_set(same, ["n95"] * 3)), axis=0)) == 3
    # Masks are put on before mirroring: the mirrored copy is the mirror image of the masked face.
    flipped = embedder()(pair_set(faces, MASKS), View(flip=True))
    assert torch.equal(as_images(flipped), as_images(masked).flip(-1))


def test_masks_that_cannot_be_put_on_are_an_error() -> None:
    with pytest.raises(MaskrecError, match="no mask is called 'n59'"):
        embedder()(pair_set(Faces(2), [None, "n59"]))
    with pytest.raises(MaskrecError, match="landmarks"):
        embedder()(pair_set(Faces(2, landmarks=False), [None, "n95"]))
    assert len(embedder()(pair_set(Faces(2, landmarks=False)))) == 2


class Infinite(nn.Module):
    """Embeddings of a network that has diverged."""

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 2)``."""
        return torch.full((len(images), 2), float("inf"))


def test_embeddings_that_are_not_finite_are_an_error_that_names_the_set() -> None:
    with pytest.raises(MaskrecError, match=r"^held_out: .*not finite"):
        embedder(Infinite())(pair_set(Faces(2), label="held_out"))
    with pytest.raises(MaskrecError, match=r"^photos: .*not finite"):
        list(embedder(Infinite()).embed_samples(Faces(2), "photos"))


class InfiniteWhereDark(nn.Module):
    """Embeddings of a network that some images take out of its range."""

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 2)``."""
        return (1 / (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3))))[:, None].expand(-1, 2)


class OneFlat(Faces):
    """Faces of which the second one has one colour."""

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        return replace(sample, image=torch.zeros_like(sample.image)) if index == 1 else sample


def test_an_image_whose_embedding_is_not_finite_is_named() -> None:
    with pytest.raises(MaskrecError, match=r"embeddings of 1 of 3 images are not finite, the first of 1; take such"):
        embedder(InfiniteWhereDark())(pair_set(OneFlat(3), label="held_out"))


def test_samples_of_any_kind_are_embedded_batch_by_batch() -> None:
    faces = Faces(5)
    parts = list(embedder(batch_size=2).embed_samples(faces, "photos"))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert np.array_equal(np.concatenate(parts), embedder()(pair_set(faces)))
    assert list(embedder().embed_samples(Faces(0), "photos")) == []
    assert embedder()(pair_set(Faces(0))).shape == (0, 3 * SIZE * SIZE)


def test_precision_is_the_computes_and_rows_are_float32() -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 8))

    pairs = pair_set(Faces(4))
    rows = {
        precision: embedder(network(), Compute(CPU.device, precision))(pairs)
        for precision in ("float32", "float64", "bfloat16")  # type: ignore[arg-type]
    }
    assert all(each.dtype == np.float32 for each in rows.values())
    assert np.allclose(rows["float32"], rows["float64"], atol=1e-5)
    assert 1e-4 < np.abs(rows["bfloat16"] - rows["float64"]).max() < 0.1


PROCESSES = """
import sys
sys.path[:0] = {folders!r}
import numpy, torch.distributed as dist
from test_embedder import Faces, embedder, pair_set, MASKS
dist.init_process_group("gloo")
rows = [embedder(batch_size=2)(pair_set(Faces(number), MASKS[:number])) for number in (2, 7)]
numpy.savez("{out}" + f"-{{dist.get_rank()}}.npz", *rows)
dist.destroy_process_group()
"""


def test_processes_share_the_images_and_each_has_all_rows(tmp_path: Path) -> None:
    """Three processes, two images: one has nothing to embed."""
    script, here = tmp_path / "embed.py", Path(__file__).parent
    folders = [str(here), str(here.parent / "support")]
    script.write_text(PROCESSES.format(folders=folders, out=str(tmp_path / "rows")))
    for done in run_ranks(3, [script]):
        assert done.returncode == 0, done.stderr
    for place, number in (("arr_0", 2), ("arr_1", 7)):
        expected = embedder()(pair_set(Faces(number), MASKS[:number]))
        for rank in range(3):
            assert np.array_equal(np.load(tmp_path / f"rows-{rank}.npz")[place], expected)


def test_a_bare_image_of_several_sets_is_embedded_once_where_that_is_asked() -> None:
    faces, network = Faces(len(MASKS)), Pixels()
    sharing, plain = embedder(network, batch_size=4, share_bare=True), embedder(batch_size=4)
    sets = [pair_set(faces), pair_set(faces, MASKS, label="others"), pair_set(Faces(len(MASKS) + 2))]
    for pairs in sets:
        for view in (View(), View(flip=True)):
            assert np.array_equal(sharing(pairs, view), plain(pairs, view))
    bare, masked = MASKS.count(None), len(MASKS) - MASKS.count(None)
    assert bare
    assert sum(count for _, count in network.modes) == 2 * (len(MASKS) + masked + 2)
    assert list(sharing.asked) == sets
