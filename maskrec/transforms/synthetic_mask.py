"""Putting simulated masks on during training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch
from maskrec.faces.masks import (
    DRAWN,
    FREE_TYPES,
    HEIGHT,
    cheek_problems,
    choose_types,
    colour_problems,
    drawn,
    put_on_masks,
    type_problems,
    wear_problems,
)
from maskrec.transforms.moved_landmarks import needed_landmarks
from maskrec.transforms.ranges import probability_problems, refuse


class SyntheticMask:
    """Puts a simulated mask on some faces, by their landmarks; ``images`` and ``masked`` change, ``clean`` stays.

    Faces that are already masked keep their mask. Every mask is different: type, colour, place, size, tilt, cut and
    creases are the sample's own draws, and its light is the face's.

    Args:
        probability: probability that a bare face gets a mask, 0 to 1.
        types: mask types to choose from, evenly (a list) or by weight (a map); by default the five reference types:
            surgical_green, surgical_blue, n95, kn95, cloth_black. Also surgical, cloth, cloth_striped, cloth_checked,
            cloth_dotted, cloth_printed, scarf (these in any colour), ffp2_valve, kf94, duckbill.
        height: range of the top edge's height on the nose, drawn evenly: 0 its tip, 1 the line between the eyes;
            within 0 to 0.8.
        cheeks: range of how far the top edge is pulled up on the cheeks, drawn evenly: 0 as the type is cut, 1 the line
            between the eyes; within 0 to 0.5, and never above the edge on the nose.
        wear: probabilities of a mask that hangs under_nose or on_chin; all others are worn properly.
        colors: colours as #rrggbb for the types that come in any colour; by default drawn freely.

    Raises:
        ValueError: a probability outside 0 to 1, an unknown type, invalid weights, a height or cheeks out of
            range, an unknown way to wear a mask, or colours that are invalid or that no type would show.
    """

    needs_landmarks = True
    sets_masked = True

    def __init__(
        self,
        probability: float = 0.5,
        types: list[str] | dict[str, float] | None = None,
        height: tuple[float, float] = HEIGHT,
        cheeks: tuple[float, float] = (0.0, 0.0),
        wear: dict[str, float] | None = None,
        colors: list[str] | None = None,
    ) -> None:
        values = {
            "probability": probability,
            "types": types,
            "height": height,
            "cheeks": cheeks,
            "wear": wear,
            "colors": colors,
        }
        refuse(self.check(values, CheckContext()))
        self.probability = probability
        self.types = types
        self.height, self.cheeks = (height[0], height[1]), (cheeks[0], cheeks[1])
        self.wear, self.colors = wear, colors

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Check that the probabilities are valid, the types exist, and the colours would be visible."""
        yield from probability_problems(values)
        yield from (Problem(sentence, "types") for sentence in type_problems(values["types"]))
        yield from (Problem(sentence, "height") for sentence in wear_problems(values["height"], None))
        yield from (Problem(sentence, "cheeks") for sentence in cheek_problems(values["cheeks"]))
        yield from (Problem(sentence, "wear") for sentence in wear_problems(HEIGHT, values["wear"]))
        yield from (Problem(sentence, "colors") for sentence in colour_problems(values["colors"]))
        if values["colors"] is not None and not set(values["types"] or ()) & set(FREE_TYPES):
            yield Problem(
                f"colors has no effect: no type comes in any colour; add one of {', '.join(FREE_TYPES)}", "colors"
            )

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch with some of its bare faces masked.

        Raises:
            UsageError: the batch has no landmarks.
        """
        landmarks = needed_landmarks(batch, "synthetic_mask")
        # Drawn with what the masks themselves need, in one go.
        uniform = draws.matrix(DRAWN)
        worn = (drawn(uniform, "wear")[:, 0] < self.probability) & ~batch.masked
        types = torch.where(worn, choose_types(drawn(uniform, "type")[:, 0], self.types), -1)
        images = put_on_masks(
            batch.images,
            landmarks,
            types,
            draws,
            height=self.height,
            cheeks=self.cheeks,
            wear=self.wear,
            colors=self.colors,
        )
        return replace(batch, images=images, masked=batch.masked | worn)
