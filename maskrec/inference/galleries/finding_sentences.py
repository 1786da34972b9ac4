"""The sentence of each finding: who and what, the evidence in numbers, and what to do."""

from __future__ import annotations

from maskrec.inference.galleries.alarm_thresholds import alike_within, unlike_beyond
from maskrec.inference.galleries.enrolled import EnrolledFaces
from maskrec.inference.galleries.gallery_findings import EnrolledPhoto, Finding
from maskrec.inference.galleries.quality_bounds import QualityBounds
from maskrec.inference.galleries.wrong_names import AlikePeople, UnlikePhotos, WrongPhoto
from maskrec.metrics.comparison_tiles import Indices


class FindingSentences:
    """Says what was found.

    Args:
        faces: the gallery.
        used: places of the photos that were compared.
    """

    def __init__(self, faces: EnrolledFaces, used: Indices) -> None:
        self.faces, self.used = faces, used

    def poor(self, place: int, kind: str, bounds: QualityBounds) -> Finding:
        """A face that is ``blurred`` or ``tiny``.

        Args:
            place: in the gallery.
            kind: which of the two.
            bounds: that it does not reach.
        """
        photo = self._at(place)
        tiny = kind == "tiny"
        value = float(self.faces.quality[place, 0 if tiny else 1])
        bound = bounds.eyes_apart if tiny else bounds.sharpness
        what = (
            f"the face is tiny: {value:.0f} pixels between the eyes, where at least {bound:.0f} are expected"
            if tiny
            else f"the face is blurred: a sharpness of {value:.0f}, where at least {bound:.0f} is expected"
        )
        sentence = f"{photo.person}, {photo.photo}: {what}; replace the photo by a better one"
        return Finding(
            "tiny" if tiny else "blurred", (photo.person,), (photo,),
            {"eyes_apart" if tiny else "sharpness": value, "bound": bound}, sentence,
        )  # fmt: skip

    def wrong(self, found: WrongPhoto) -> Finding:
        """A photo that is somebody else's."""
        person, other = (self.faces.names[each] for each in (found.person, found.other))
        photo, theirs, own = (self._of(each) for each in (found.pair.photo, found.pair.other, found.own))
        sentence = (
            f"{person}, {photo.photo}: it shows {other} rather than {person}: {found.pair.distance:.2f} from "
            f"{theirs.photo} of {other}, where {alike_within(found.pair.limit)}, and "
            f"{found.own_distance:.2f} from {own.photo}, the nearest other photo of {person}; {person}'s other photos "
            f"are {found.rest_distance:.2f} from {other}'s, so it is this photo that is wrong; move or remove it"
        )
        numbers = {
            "distance": found.pair.distance,
            "threshold": found.pair.limit,
            "own_distance": found.own_distance,
            "rest_distance": found.rest_distance,
            "log_odds": found.log_odds,
        }
        return Finding("wrong_person", (person, other), (photo,), numbers, sentence)

    def unlike(self, found: UnlikePhotos) -> Finding:
        """Photos of a person that are unlike the others."""
        person, pair = self.faces.names[found.person], found.nearest
        photos = tuple(self._of(each) for each in found.photos)
        named = " and ".join(each.photo for each in photos)
        further = f"where {unlike_beyond(pair.limit)}"
        if found.certain:
            sentence = (
                f"{person}, {named}: somebody else, who resembles no enrolled person: {pair.distance:.2f} from "
                f"{self._of(pair.other).photo}, the nearest of {person}'s other photos, {further}; remove it"
            )
        else:
            sentence = (
                f"{person}, {named}: they do not show one person: {pair.distance:.2f} apart, {further}; which is "
                f"wrong cannot be said, because nobody enrolled is like them; look at them, or add a photo of {person}"
            )
        numbers = {"own_distance": pair.distance, "own_bound": pair.limit, "log_odds": found.log_odds}
        return Finding("wrong_person", (person,), photos, numbers, sentence)

    def alike(self, found: AlikePeople, photos: list[int]) -> Finding:
        """Two people who are one, or are under one threshold.

        Args:
            found: the two.
            photos: how many photos of each were compared.
        """
        first, second = (self.faces.names[each] for each in found.people)
        mine, theirs = (self._of(each) for each in (found.pair.photo, found.pair.other))
        near = (
            f"{mine.photo} of {first} and {theirs.photo} of {second} are {found.pair.distance:.2f} apart, where "
            f"{alike_within(found.pair.limit)}"
        )
        numbers = {
            "distance": found.pair.distance,
            "threshold": found.pair.limit,
            "near_pairs": float(found.near),
            "pairs": float(found.pairs),
            "log_odds": found.log_odds,
        }
        if not found.one_person:
            sentence = (
                f"{first} and {second}: a search for one may find the other: {near}, but of {found.pairs} pairs of "
                f"their photos only {found.near} {'is' if found.near == 1 else 'are'}; look at these two photos, or "
                "enrol clearer ones"
            )
            return Finding("lookalikes", (first, second), (mine, theirs), numbers, sentence)
        share = f", as are {found.near} of {found.pairs} pairs of their photos" if found.pairs > 1 else ""
        single = [f"{one.person}'s only photo" for one, count in zip((mine, theirs), photos, strict=True) if count == 1]
        doubt = f"; or {' or '.join(single)} is under the wrong name, which one photo cannot show" if single else ""
        sentence = f"{first} and {second} look like one person under two names: {near}{share}{doubt}; keep one name"
        return Finding("two_names", (first, second), (mine, theirs), numbers, sentence)

    def _of(self, place: int) -> EnrolledPhoto:
        return self._at(int(self.used[place]))

    def _at(self, place: int) -> EnrolledPhoto:
        faces = self.faces
        return EnrolledPhoto(int(faces.ids[place]), faces.names[int(faces.people[place])], faces.photo_names[place])
