"""Traits of cartoon people: in range, independent of each other and of the other people that are drawn."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import torch

from maskrec.faces.synthetic.cartoon_photos import CONDITIONS, DEVIATIONS, draw_photos
from maskrec.faces.synthetic.people import RANGES, People, along, draw_people, within

MANY = draw_people(3, torch.arange(4000))


def rows(people: People, *indices: int) -> list[torch.Tensor]:
    return [getattr(people, field.name)[list(indices)] for field in fields(people)]


def test_a_number_is_the_same_person_in_any_company() -> None:
    alone, among = draw_people(3, torch.tensor([77])), draw_people(3, torch.tensor([5, 10_000_077, 77, 0]))
    for one, other, whole in zip(rows(alone, 0), rows(among, 2), rows(MANY, 77), strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, whole)


def test_worlds_hold_different_people() -> None:
    one, other = draw_people(0, torch.arange(50)), draw_people(1, torch.arange(50))
    assert not any(torch.equal(a, b) for a, b in zip(rows(one, *range(50)), rows(other, *range(50)), strict=True))


def test_traits_fill_their_ranges() -> None:
    for name, (low, high) in RANGES.items():
        values = getattr(MANY, name)
        bottom = max(low, 0.0) if name in ("beard", "mole_size") else low
        assert bottom <= float(values.min()) < bottom + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < float(values.max()) < high
    for name in ("skin", "hair", "iris", "lip_color"):
        assert 0 <= float(getattr(MANY, name).min()) <= float(getattr(MANY, name).max()) <= 1


def test_skin_goes_evenly_from_dark_to_light() -> None:
    """Each tenth of the lightness range holds about a tenth of the people."""
    lightness = (MANY.skin @ torch.tensor([0.2126, 0.7152, 0.0722])).numpy()
    counts, _ = np.histogram(lightness, bins=10, range=(0.16, 0.84))
    assert counts.min() > 0.05 * len(lightness)
    assert counts.max() < 0.15 * len(lightness)


def test_no_trait_goes_with_another() -> None:
    """Correlations of 4,000 people stay within four standard errors: above all, no trait is correlated with skin."""
    names = list(RANGES)
    columns = [getattr(MANY, name).numpy() for name in names]
    columns += [MANY.skin.mean(1).numpy(), MANY.hair.mean(1).numpy(), MANY.iris.mean(1).numpy()]
    correlations = np.corrcoef(np.stack(columns).astype(np.float64))
    np.fill_diagonal(correlations, 0)
    assert np.abs(correlations).max() < 4.5 / np.sqrt(4000)


def test_photos_of_a_person_differ_and_are_bounded() -> None:
    people, numbers = torch.arange(200).repeat_interleave(20), torch.arange(20).repeat(200)
    photos = draw_photos(0, people, numbers)
    for name, width in DEVIATIONS.items():
        values = getattr(photos, name)
        assert float(values.abs().max()) < width
        assert abs(float(values.mean())) < 0.03 * width
    for name, (low, high) in CONDITIONS.items():
        if name != "exposure":
            values = getattr(photos, name)
            assert max(low, 0.0 if name == "mouth_open" else low) <= float(values.min())
            assert float(values.max()) < high
    assert len({tuple(row) for row in torch.stack([photos.yaw, photos.pitch], 1).tolist()}) == 4000


def test_no_photo_of_one_person_is_that_of_another() -> None:
    """Photo 1 of person 0 and photo 0 of person 1 are drawn apart, also at the largest photo number."""
    photos = draw_photos(0, torch.tensor([0, 1, 0, 1]), torch.tensor([(1 << 20) - 1, 0, 1, 1]))
    assert len(set(photos.yaw.tolist())) == 4


def test_within_and_along_by_hand() -> None:
    spread = within({"a": (1.0, 3.0), "b": (-1.0, 0.0)}, torch.tensor([[0.5, 0.25]]))
    assert {name: value.tolist() for name, value in spread.items()} == {"a": [2.0], "b": [-0.75]}
    stops = ((0.0, 0.0, 0.0), (1.0, 0.5, 0.0), (1.0, 1.0, 1.0))
    np.testing.assert_allclose(
        along(stops, torch.tensor([0.0, 0.25, 0.75])).numpy(), [[0, 0, 0], [0.5, 0.25, 0], [1, 0.75, 0.5]]
    )
