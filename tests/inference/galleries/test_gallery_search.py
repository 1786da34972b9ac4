"""Searching a gallery: who is named in which order, who is found, at which risk, and what is refused."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compared_people import people_risk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from searching_models import measured_decisions, write_crops, write_searching_model

import maskrec
from maskrec.base.errors import SettingError, UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.galleries.enrolled import EnrolledFaces
from maskrec.inference.galleries.gallery import Gallery
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.loaded_gallery import LoadedGallery, SearchSettings
from maskrec.inference.galleries.search_answer import SearchAnswer, SearchedFace
from maskrec.inference.galleries.search_risk import SearchRisk, SearchThreshold
from maskrec.inference.photos.found_face import Face
from maskrec.metrics import NotEnoughPeopleError, Risk, normalise
from maskrec.metrics.measured_galleries import MeasuredFpir

BLANK = np.zeros((4, 4, 3), np.uint8)
DECISIONS = measured_decisions()


def face(masked: bool | None) -> Face:
    return Face((0.0, 0.0, 4.0, 4.0), None, None, BLANK, masked=masked)


def enrolled(rows: NDArray[np.float32], people: NDArray[np.int64], masked: NDArray[np.int8]) -> EnrolledFaces:
    count = len(rows)
    return EnrolledFaces(
        np.arange(count), people, tuple(f"p{number}" for number in range(int(people.max()) + 1)), rows, masked,
        np.full((count, 3), np.nan, np.float32), tuple(f"{row}.jpg" for row in range(count)), ("",) * count,
    )  # fmt: skip


def searched(loaded: LoadedGallery, row: NDArray[np.float32], masked: bool | None, **settings: float) -> SearchedFace:
    (answer,) = loaded.search([face(masked)], row[None], SearchSettings(**settings))  # type: ignore[arg-type]
    assert isinstance(answer, SearchedFace), answer
    return answer


def odds_and_threshold(
    distance: float, one: int, other: int, risk: Risk, fpir: float, rows: int
) -> tuple[float, float]:
    """Of one pair, by the definitions: an unknown face may be bare or masked, and the least of all counts."""
    states = [(0, 1) if state == -1 else (state,) for state in (one, other)]
    names = {CONDITIONS[first + second] for first in states[0] for second in states[1]}
    odds = min(float(risk.log_likelihood_ratio(name, distance)) for name in names)
    return odds, min(risk.threshold_for_gallery(name, fpir, rows).value for name in names)


@settings(max_examples=25)
@given(
    rows=st.integers(1, 25), crowd=st.integers(1, 9), state=st.sampled_from([None, False, True]),
    states=st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=3), top=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_people_are_ranked_by_the_odds_of_their_best_row_and_found_by_its_conditions_threshold(
    rows: int, crowd: int, state: bool | None, states: list[int], top: int, seed: int
) -> None:
    rng, fpir = np.random.default_rng(seed), 0.2
    assert DECISIONS.risk is not None
    probe = normalise(rng.normal(size=(1, 4)))
    embeddings = normalise(probe + rng.exponential(0.8, (rows, 1)) * rng.normal(size=(rows, 4))).astype(np.float32)
    people, masked = rng.integers(0, crowd, rows), rng.choice(np.array(states, np.int8), rows)
    row = probe[0].astype(np.float32)
    answer = searched(
        LoadedGallery(enrolled(embeddings, people, masked), DECISIONS, "m"), row, state, fpir=fpir, top=top
    )
    odds: dict[str, float] = {}
    found: set[str] = set()
    for number in range(rows):
        apart = embeddings[number].astype(np.float64) - row.astype(np.float64)
        distance = float(np.linalg.norm(apart[None], axis=1)[0])  # without an axis it is rounded otherwise
        mine = -1 if state is None else int(state)
        value, threshold = odds_and_threshold(distance, int(masked[number]), mine, DECISIONS.risk, fpir, rows)
        name = f"p{people[number]}"
        odds[name] = max(value, odds.get(name, -math.inf))
        found |= {name} if distance <= threshold else set()
    expected = sorted(odds.values(), reverse=True)[:top]
    listed = answer.candidates[: len(expected)]
    assert [each.log_odds for each in listed] == expected
    assert all(odds[each.name] == each.log_odds and each.found == (each.name in found) for each in answer.candidates)
    assert len({each.name for each in answer.candidates}) == len(answer.candidates)
    assert (answer.found is not None) == bool(found)  # whoever is found is named, whatever `top` is
    assert len(answer.candidates) - len(expected) in (0, 1)


def listed(answer: SearchedFace | UsageError) -> object:
    """An answer as it can be compared."""
    if isinstance(answer, UsageError):
        return str(answer)
    return [tuple(getattr(each, name) for name in each.__slots__) for each in answer.candidates], answer.risk.far


@pytest.mark.parametrize("decisions", [DECISIONS, Decisions(risk=people_risk(60))], ids=["all", "bare only"])
def test_faces_that_are_searched_together_are_answered_as_each_alone(decisions: Decisions) -> None:
    rng, rows, count = np.random.default_rng(4), 400, 90  # about 80 rows of each person for each of 30 faces a state
    embeddings, people = normalise(rng.normal(size=(rows, 8))).astype(np.float32), rng.integers(0, 5, rows)
    loaded = LoadedGallery(enrolled(embeddings, people, np.zeros(rows, np.int8)), decisions, "m")
    noise = rng.normal(size=(count, 8)) * rng.choice([0.05, 0.3], (count, 1))
    probes = normalise(embeddings[:count] + noise).astype(np.float32)
    faces = [face([False, True, None][int(state)]) for state in rng.integers(0, 3, len(probes))]
    asked = SearchSettings(fpir=0.9, top=3)
    together = loaded.search(faces, probes, asked)
    alone = [loaded.search([one], row[None], asked)[0] for one, row in zip(faces, probes, strict=True)]
    assert [listed(each) for each in together] == [listed(each) for each in alone]
    assert [each.face for each in together if isinstance(each, SearchedFace)] == [
        one for one, each in zip(faces, together, strict=True) if isinstance(each, SearchedFace)
    ]
    refused = sum(isinstance(each, UsageError) for each in together)
    assert refused == (0 if decisions is DECISIONS else sum(one.masked is not False for one in faces))


def test_a_row_of_other_condition_can_decide_where_the_one_of_best_odds_does_not() -> None:
    """A person's bare row has the better odds, but only their masked one lies within its threshold."""
    risk = DECISIONS.risk
    assert risk is not None
    bare, one = (risk.threshold_for_gallery(name, 0.2, 2).value for name in ("bare", "one_masked"))
    distances = next(
        (apart, one - 0.01)
        for apart in np.arange(bare + 0.001, 2, 0.001)
        if risk.log_likelihood_ratio("bare", apart) > risk.log_likelihood_ratio("one_masked", one - 0.01)
    )
    rows = np.array([[1 - d * d / 2, math.sqrt(1 - (1 - d * d / 2) ** 2)] for d in distances], np.float32)
    loaded = LoadedGallery(enrolled(rows, np.zeros(2, np.int64), np.array([0, 1], np.int8)), DECISIONS, "m")
    (candidate,) = searched(loaded, np.array([1, 0], np.float32), False, fpir=0.2).candidates
    assert candidate.found
    assert candidate.condition == "one_masked"
    assert candidate.log_odds == pytest.approx(float(risk.log_likelihood_ratio("bare", distances[0])), abs=1e-3)
    two = LoadedGallery(enrolled(rows, np.arange(2), np.array([0, 1], np.int8)), DECISIONS, "m")
    listed = searched(two, np.array([1, 0], np.float32), False, fpir=0.2, top=1).candidates
    assert [(each.name, each.found) for each in listed] == [("p0", False), ("p1", True)]  # who is found is named


def test_strangers_find_somebody_as_often_as_is_stated() -> None:
    """People of the same kind as those that were measured, in galleries of 40 rows."""
    rng = np.random.default_rng(8)
    decisions = Decisions(risk=people_risk(200))
    false = 0
    for _ in range(4):
        rows, strangers = (normalise(rng.normal(size=(count, 16))).astype(np.float32) for count in (40, 100))
        loaded = LoadedGallery(enrolled(rows, np.arange(40), np.zeros(40, np.int8)), decisions, "m")
        answers = loaded.search([face(False)] * 100, strangers, SearchSettings(fpir=0.1, top=1))
        false += sum(isinstance(each, SearchedFace) and each.found is not None for each in answers)
        stated = answers[0].risk.stated_fpir  # type: ignore[union-attr]
    assert stated[1] < 0.1 * 0.999 < stated[2]
    assert abs(false / 400 - stated[0]) < 4 * math.sqrt(0.1 * 0.9 / 400)


def test_the_stated_rate_is_that_of_all_comparisons_together() -> None:
    thresholds = {
        0: SearchThreshold("bare", 1.0, 2, 0.01, 0.005, 0.02, 99),
        1: SearchThreshold("one_masked", 0.9, 3, 0.1, 0, 1, 99),
    }  # fmt: skip
    risk = SearchRisk(0.1, 5, 0.02, thresholds, "somebody", MeasuredFpir(0.08, 0.06, 0.11, 500, 20))
    rate, low, high = risk.stated_fpir
    assert rate == pytest.approx(1 - 0.99**2 * 0.9**3)
    assert (low, high) == (pytest.approx(1 - 0.995**2), 1.0)
    assert json.loads(json.dumps(risk.to_plain(), allow_nan=False))["measured_fpir"]["draws"] == 20
    assert any("in galleries drawn from 500 people (20 times): 0.08, 0.06 to 0.11" in line for line in risk.lines())
    assert SearchRisk(0.1, 5, 0.02, thresholds).lines()[-1].startswith("  false positive identification rate by it ")


def refusal(decisions: Decisions, rows: int, fpir: float, masked: bool | None = False) -> UsageError:
    some = normalise(np.random.default_rng(0).normal(size=(rows, 4))).astype(np.float32)
    loaded = LoadedGallery(enrolled(some, np.arange(rows), np.zeros(rows, np.int8)), decisions, "m")
    (answer,) = loaded.search([face(masked)], some[:1], SearchSettings(fpir))
    assert isinstance(answer, UsageError), answer
    return answer


def test_what_the_people_cannot_carry_is_refused_with_how_many_could_and_what_these_carry() -> None:
    decisions = Decisions(risk=people_risk(100), measured_on="a hundred people")
    error = refusal(decisions, 50, 0.001)
    assert isinstance(error.__cause__, NotEnoughPeopleError)
    assert f"; about {error.__cause__.needed:,} people would carry it; these carry a rate of at least " in str(error)
    assert "100 people of the evaluation (measured on a hundred people)" in str(error)
    said = re.search(r"at least ([\d.e-]+) for this gallery or a gallery of at most ([\d,]+) rows? at this", str(error))
    assert said is not None
    least, largest = float(said[1]), int(said[2].replace(",", ""))
    risk = decisions.risk
    assert risk is not None
    risk.threshold_for_gallery("bare", least, 50)  # what is promised is carried
    risk.threshold_for_gallery("bare", 0.001, largest)
    for rate, rows in ((least / 1.5, 50), (0.001, 2 * largest)):
        with pytest.raises(ValueError, match="evaluate about"):
            risk.threshold_for_gallery("bare", rate, rows)


def test_error_rates_that_were_not_measured_are_refused() -> None:
    bare_only = Decisions(risk=people_risk(100))
    assert "the search compares one-masked faces, and the error rates of such pairs were not measured; evaluate" in str(
        refusal(bare_only, 3, 0.1, True)
    )
    unknown = str(refusal(bare_only, 3, 0.1, None))
    assert "may compare one-masked faces" in unknown
    assert "or say with --masked or --bare what the faces wear" in unknown
    with pytest.raises(UsageError, match=r"m has no measured error rates.*`maskrec evaluate MODEL"):
        refusal(Decisions(), 3, 0.1)
    without_pairs = Decisions(risk=people_risk(100, photos=1))
    assert "candidates cannot be ranked" in str(refusal(without_pairs, 3, 0.1))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> maskrec.FaceModel:
    return maskrec.open(write_searching_model(tmp_path_factory.mktemp("model") / "m.onnx"), device="cpu")


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return write_crops(tmp_path_factory.mktemp("crops"), 4, 3)


@pytest.fixture
def gallery(model: maskrec.FaceModel, crops: dict[str, list[Path]], tmp_path: Path) -> Gallery:
    """Three people with two photos each; the fourth is a stranger."""
    made = maskrec.open_gallery(tmp_path / "g", model)
    for name in ("0", "1", "2"):
        made.add(f"person {name}", crops[name][:2], aligned=True)
    return made


def test_who_was_added_is_found_on_another_photo(gallery: Gallery, crops: dict[str, list[Path]]) -> None:
    answer = gallery.search(crops["1"][2], fpir=0.2, aligned=True)
    assert answer.found == ("person 1",)
    assert answer.faces[0].candidates[0].name == "person 1"
    assert json.loads(json.dumps(answer.to_plain(), allow_nan=False)) == answer.to_plain()
    lines = str(answer).splitlines()
    assert lines[0] == f"{crops['1'][2]}: person 1"
    assert "false positive identification rate 0.2 asked for, with 6 rows" in str(answer)
    assert "measured on forty drawn people" in str(answer)
    assert answer.notes[-1] == "about the evaluation pairs: they are drawn"
    assert repr(answer).endswith("2.png: 1 face, person 1)")
    assert gallery.search(crops["3"][0], fpir=0.05, aligned=True).found == ()
    first = gallery.people()[0]
    assert (first.name, first.faces, first.bare) == ("person 0", 2, 2)


def test_a_mask_state_that_is_given_counts_and_one_that_is_not_known_is_said(
    gallery: Gallery, crops: dict[str, list[Path]]
) -> None:
    masked = gallery.search(crops["1"][2], fpir=0.2, aligned=True, masked=True)
    assert {each.condition for each in masked.faces[0].candidates} == {"one_masked"}
    gray = np.full((32, 32, 3), round(255 * 0.3), np.uint8)  # as dark as the probe is unsure
    answer = gallery.search(gray, fpir=0.2, aligned=True)
    assert {each.condition for each in answer.faces[0].candidates} == {"bare or one_masked"}
    assert any("it is not known whether they wear masks" in note for note in answer.notes)
    assert not any("it is not known" in note for note in masked.notes)


def test_many_photos_are_answered_in_order_and_a_bad_one_ends_nothing(
    gallery: Gallery, crops: dict[str, list[Path]], tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no")
    given = [crops["0"][2], tmp_path / "bad.png", crops["2"][2], np.zeros((32, 20, 3), np.uint8), crops["3"][2]]
    answers = list(gallery.search_each(given, fpir=0.05, aligned=True))
    assert [each.found if isinstance(each, SearchAnswer) else each.index for each in answers] == [
        ("person 0",), 1, ("person 2",), 3, ()
    ]  # fmt: skip
    alone = gallery.search(crops["0"][2], fpir=0.05, aligned=True)
    assert answers[0].to_plain()["found"] == alone.to_plain()["found"]  # type: ignore[union-attr]


def test_another_process_that_changes_the_file_is_noticed(gallery: Gallery, crops: dict[str, list[Path]]) -> None:
    asked = {"fpir": 0.05, "aligned": True}
    assert gallery.search(crops["3"][2], **asked).found == ()  # type: ignore[arg-type]
    other = maskrec.open_gallery(gallery.path, gallery.model)
    other.add("person 3", crops["3"][0], aligned=True)
    assert gallery.search(crops["3"][2], **asked).found == ("person 3",)  # type: ignore[arg-type]
    with GalleryFile.open(gallery.path, write=True) as file:
        file.remove("person 3")
    assert gallery.search(crops["3"][2], **asked).found == ()  # type: ignore[arg-type]


def test_photos_that_say_nothing_new_are_refused_and_nothing_is_added(
    gallery: Gallery, crops: dict[str, list[Path]], tmp_path: Path
) -> None:
    copied = tmp_path / "copied.png"
    copied.write_bytes(crops["3"][0].read_bytes())
    again = tmp_path / "again.bmp"
    Image.open(crops["3"][0]).save(again)
    enrolled_again = tmp_path / "enrolled.bmp"
    Image.open(crops["0"][0]).save(enrolled_again)
    for photos, said in (
        ([crops["3"][0], copied], f"{copied} is the same photo as {crops['3'][0]}"),
        ([crops["3"][0], again], f"{again} shows the same picture as {crops['3'][0]}"),
        ([crops["3"][0], crops["0"][1]], f"{crops['0'][1]} is enrolled already, a photo of person 0"),
        ([crops["3"][0], enrolled_again], "shows the same picture as 0.png, which is enrolled, a photo of person 0"),
        ([crops["3"][0], tmp_path / "absent.png"], "absent.png: the file does not exist"),
        (
            [crops["3"][0], np.zeros((32, 20, 3), np.uint8)],
            "leave out `aligned`, so that the face is found and aligned",
        ),
        ([], "the list of photos is empty; name at least one"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            gallery.add("person 3", photos, aligned=True)
    assert [person.name for person in gallery.people()] == ["person 0", "person 1", "person 2"]
    with pytest.raises(UsageError, match="the name '' is empty"):
        gallery.add("", crops["3"][0], aligned=True)


def test_a_photo_of_somebody_else_is_added_with_a_note(gallery: Gallery, crops: dict[str, list[Path]]) -> None:
    added = gallery.add("person 3", [crops["3"][0], crops["0"][2]], aligned=True)
    assert (added.faces, added.person.faces) == (2, 2)
    (note,) = [note for note in added.notes if "looks like" in note]
    assert note.startswith(f"{crops['0'][2]} looks like person 0, who is enrolled: distance ")
    assert str(added).startswith("person 3: 2 faces added, 2 enrolled (2 bare)\nnote: ")
    assert not any("looks like" in note for note in gallery.add("person 1", crops["1"][2], aligned=True).notes)


def test_photos_are_kept_where_that_is_asked_for_only(
    model: maskrec.FaceModel, crops: dict[str, list[Path]], tmp_path: Path
) -> None:
    made = maskrec.open_gallery(str(tmp_path / "g"), model)
    made.add("Ann", crops["0"][0], aligned=True)
    pixels = np.asarray(Image.open(crops["0"][1]))
    made.add("Ann", [crops["0"][2].read_bytes(), pixels], aligned=True, keep_photos=True)
    with GalleryFile.open(made.path) as file:
        kept = list(file.kept_photos())
    assert kept[0] == ("Ann", "photos[0]", crops["0"][2].read_bytes())
    (tmp_path / "kept.png").write_bytes(kept[1][2])
    assert (np.asarray(Image.open(tmp_path / "kept.png")) == pixels).all()
    assert len(kept) == 2


def test_an_empty_gallery_and_one_that_is_not_there_and_one_of_another_model(
    model: maskrec.FaceModel, crops: dict[str, list[Path]], tmp_path: Path
) -> None:
    absent = maskrec.open_gallery(tmp_path / "absent", model)
    for call in (absent.people, lambda: absent.remove("Ann"), lambda: absent.search(crops["0"][0], aligned=True)):
        with pytest.raises(UsageError, match="absent does not exist"):
            call()
    GalleryFile.create(tmp_path / "empty", model.gallery_model).close()
    with pytest.raises(UsageError, match=r"nobody is enrolled in .*empty; add somebody with maskrec gallery add"):
        maskrec.open_gallery(tmp_path / "empty", model).search(crops["0"][0], aligned=True)
    GalleryFile.create(tmp_path / "other", model.gallery_model._replace(fingerprint="ab" * 32)).close()
    with pytest.raises(UsageError, match="another model"):
        maskrec.open_gallery(tmp_path / "other", model)


def test_settings_out_of_range_and_photos_without_a_face(gallery: Gallery, tmp_path: Path) -> None:
    blank = np.full((90, 80, 3), 127, np.uint8)
    for rate in (0, 1, -0.1, math.nan, True, "0.1"):
        with pytest.raises(UsageError, match="a false positive identification rate must be inside"):
            gallery.search(blank, fpir=rate)  # type: ignore[arg-type]
    for top in (0, 1.5, True):
        with pytest.raises(UsageError, match="top must be at least 1"):
            gallery.search(blank, top=top)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no face was found"):
        gallery.search(blank)
    with pytest.raises(SettingError, match="leave out `aligned`"):
        gallery.search(blank, aligned=True)


def test_a_model_without_error_rates_enrols_and_does_not_search(crops: dict[str, list[Path]], tmp_path: Path) -> None:
    plain = maskrec.open(write_searching_model(tmp_path / "plain.onnx", Decisions()), device="cpu")
    made = maskrec.open_gallery(tmp_path / "g", plain)
    made.add("Ann", crops["0"][0], aligned=True)
    (note,) = made.add("Bob", crops["1"][0], aligned=True).notes
    assert note.startswith("whether somebody else of the gallery is on the photos was not looked at")
    with pytest.raises(UsageError, match="has no measured error rates"):
        made.search(crops["0"][1], aligned=True)


def test_names_that_could_move_the_cursor_are_shown_escaped() -> None:
    rows = normalise(np.random.default_rng(1).normal(size=(3, 4))).astype(np.float32)
    faces = enrolled(rows, np.arange(3), np.zeros(3, np.int8))
    hostile = replace(faces, names=tuple(f"\x1b[2J{number}\n" for number in range(3)), photo_names=("\x1b.jpg",) * 3)
    answer = SearchAnswer("\x1b.png", (searched(LoadedGallery(hostile, DECISIONS, "m"), rows[0], False, fpir=0.2),))
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", str(answer) + repr(answer))
    assert len(str(answer).splitlines()) == len(answer.lines())
    assert answer.found[0] == "\x1b[2J0\n"
