"""The answer of a gallery's search: for each face of a photo who it may be, and what that decision risks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maskrec.base.console import escaped
from maskrec.base.words import counted

if TYPE_CHECKING:
    from maskrec.inference.galleries.search_risk import SearchRisk
    from maskrec.inference.photos.found_face import Face


@dataclass(frozen=True, slots=True, repr=False)
class GalleryCandidate:
    """A person that a face may be of.

    Args:
        name: of the person, as enrolled.
        found: whether one of their rows is at or below the threshold of its condition.
        log_odds: natural logarithm of how much likelier the distance is for one person than for two, of their best row.
        distance: L2 between the unit embeddings of the face and of the row that decides, in [0, 2]: the row of highest
            odds among those at or below their thresholds, or among all where none is.
        threshold: of that row's condition.
        condition: of the face and that row; several, joined by ``or``, where a mask state is not known.
        photo: the name of the photo that the row is of.
    """

    name: str
    found: bool
    log_odds: float
    distance: float
    threshold: float
    condition: str
    photo: str

    def __repr__(self) -> str:
        return f"GalleryCandidate({self.words()})"

    def words(self) -> str:
        """In one line."""
        side = "at or below" if self.found else "above"
        name, photo = escaped(self.name), escaped(self.photo)  # a stranger's gallery may hold any
        return (
            f"{name}: log odds {self.log_odds:z.1f}, distance {self.distance:.4f}, {side} the threshold "
            f"{self.threshold:.4f} ({self.condition.replace('_', ' ')}), photo {photo}"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SearchedFace:
    """A face of a photo with the people that it may be of.

    Args:
        face: where it is, and what it wears.
        candidates: the likeliest first.
        risk: what the decision risks.
    """

    face: Face
    candidates: tuple[GalleryCandidate, ...]
    risk: SearchRisk

    @property
    def found(self) -> GalleryCandidate | None:
        """The likeliest person whose distance is at or below the threshold; None for nobody."""
        return next((each for each in self.candidates if each.found), None)

    def __repr__(self) -> str:
        return f"SearchedFace({self.words()}; {counted(len(self.candidates), 'candidate')})"

    def words(self) -> str:
        """Where it is and who it is, in one line."""
        where = ", ".join(f"{edge:.0f}" for edge in self.face.box)
        wears = {True: "masked", False: "bare", None: "mask unknown"}[self.face.masked]
        return f"({where}), {wears}: {'nobody' if self.found is None else escaped(self.found.name)}"

    def to_plain(self) -> dict[str, Any]:
        """For JSON, without pictures."""
        return {
            "box": list(self.face.box),
            "masked": self.face.masked,
            "found": None if self.found is None else self.found.name,
            "candidates": [{name: getattr(each, name) for name in each.__slots__} for each in self.candidates],
            "risk": self.risk.to_plain(),
            "notes": list(self.face.notes),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SearchAnswer:
    """A photo that was searched in a gallery.

    Args:
        photo: its name.
        faces: all that were found, from left to right; each is a search of its own.
        notes: what the user should know of the photo, the model and the decision.
    """

    photo: str
    faces: tuple[SearchedFace, ...]
    notes: tuple[str, ...] = ()

    @property
    def found(self) -> tuple[str, ...]:
        """The names that were found, from left to right."""
        return tuple(each.found.name for each in self.faces if each.found is not None)

    def to_plain(self) -> dict[str, Any]:
        """The answer as JSON knows it, without pictures."""
        faces = [each.to_plain() for each in self.faces]
        return {"photo": self.photo, "found": list(self.found), "faces": faces, "notes": list(self.notes)}

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        who = ", ".join(map(escaped, self.found[:5])) or "nobody"
        return f"SearchAnswer({escaped(self.photo)}: {counted(len(self.faces), 'face')}, {who})"

    def lines(self) -> list[str]:
        """The answer in words, a line a thing; what is the same for all faces once."""
        lines = [f"{escaped(self.photo)}: {', '.join(map(escaped, self.found)) or 'nobody'}"]
        risks = [each.risk.lines() for each in self.faces]
        once = all(each == risks[0] for each in risks)
        for number, (searched, risk) in enumerate(zip(self.faces, risks, strict=True), start=1):
            lines.append(f"face {number} {searched.words()}")
            lines += [f"  {place}. {each.words()}" for place, each in enumerate(searched.candidates, start=1)]
            lines += [
                f"  {line}" for line in [*([] if once else risk), *(f"note: {note}" for note in searched.face.notes)]
            ]
        lines += risks[0] if once and risks else []
        return lines + [f"note: {note}" for note in self.notes]
