"""Albums: the same photos cached or not, in any order, in any process."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from maskrec.faces.synthetic import photograph
from maskrec.faces.synthetic.album import Album, complaints


class Pictures:
    """What a loader reads: an album's pixels."""

    def __init__(self, album: Album) -> None:
        self.album = album

    def __len__(self) -> int:
        return len(self.album)

    def __getitem__(self, index: int) -> Tensor:
        return self.album[index][0]


def all_of(album: Album) -> Tensor:
    return torch.stack([album[index][0] for index in range(len(album))])


def test_photos_are_person_by_person() -> None:
    album = Album(2, 32, identities=3, images_per_identity=4, first_identity=7)
    people, photos = 7 + torch.arange(12) // 4, torch.arange(12) % 4
    images, points = photograph(2, people, photos, 32)
    assert torch.equal(all_of(album), images)
    assert torch.equal(torch.stack([album[index][1] for index in range(12)]), points)
    assert album.path(5) == "synthetic_2/000008/0001"
    assert album.person_name(1) == "synthetic_2-000008"
    assert Album(0, 32, 1, 1, first_identity=123).path(0) == "synthetic/000123/0000"


def test_cached_or_not_in_any_order() -> None:
    kept, drawn_each_time = Album(0, 32, 3, 5), Album(0, 32, 3, 5, cache_mib=0)
    for index in (14, 3, 3, 0, 7):
        for one, other in zip(kept[index], drawn_each_time[index], strict=True):
            assert torch.equal(one, other)


def test_a_person_does_not_depend_on_where_the_album_starts() -> None:
    early, late = Album(0, 32, 6, 3), Album(0, 32, 2, 3, first_identity=4)
    assert torch.equal(early[12][0], late[0][0])
    assert not torch.equal(early[0][0], late[0][0])


def test_what_is_handed_out_can_be_painted_over() -> None:
    album = Album(0, 32, 1, 2)
    image, points = album[0]
    before = image.clone()
    image.zero_()
    points.zero_()
    assert torch.equal(album[0][0], before)
    assert float(album[0][1].min()) > 0


def test_forked_workers_fill_one_cache() -> None:
    album = Album(0, 96, 8, 20)
    loader = DataLoader(Pictures(album), batch_size=16, num_workers=2, multiprocessing_context="fork")  # type: ignore[arg-type]
    images = torch.cat(list(loader))
    assert torch.equal(images, all_of(Album(0, 96, 8, 20)))
    album.face_seed = 1  # from here on this process itself would render other people
    assert torch.equal(images, all_of(album))
    assert not torch.equal(images[0], Album(1, 96, 8, 20)[0][0])


def test_pickles_as_numbers_and_draws_the_same_photos() -> None:
    album = Album(0, 48, 50, 20)
    first = album[333][0]
    data = pickle.dumps(album)
    assert len(data) < 1000
    assert torch.equal(pickle.loads(data)[333][0], first)


@pytest.mark.parametrize("index", [-1, 6, 10**9])
def test_beyond_the_album(index: int) -> None:
    with pytest.raises(IndexError, match="album of 6"):
        Album(0, 32, 2, 3)[index]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 15),
        ("image_size", 1025),
        ("identities", 0),
        ("images_per_identity", 0),
        ("images_per_identity", (1 << 20) + 1),
        ("first_identity", -1),
        ("first_identity", 1 << 40),
        ("cache_mib", -1),
    ],
)
def test_numbers_out_of_range(name: str, value: int) -> None:
    numbers = {"image_size": 32, "identities": 2, "images_per_identity": 2, "first_identity": 0, "cache_mib": 8}
    assert not list(complaints(**numbers))
    numbers[name] = value
    assert [place for place, _ in complaints(**numbers)] == [name]
    with pytest.raises(ValueError, match=str(value)) as caught:
        Album(0, **numbers)
    assert "\n" not in str(caught.value)


def test_a_huge_album_opens_at_once_and_takes_no_memory() -> None:
    """Ten million people: nothing is rendered or reserved before a photo is requested."""
    album = Album(0, 112, 10_000_000, 20)
    assert len(album) == 200_000_000
    assert album[199_999_999][0].shape == (3, 112, 112)
