"""Parameters that seem to mean what the run gives, under another name: ``emb_dim``, ``n_classes``."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, get_args

from maskrec.base.words import article
from maskrec.contracts.givens import GIVEN_TYPES, GIVENS
from maskrec.plugin.signature import ParameterInfo
from maskrec.recipe.annotations import members, unannotated

_NEAR = 0.77  # as near as embeding_size and number_of_classes are to the givens that they mean
_VERY_NEAR = 0.9
_WORDS = {
    "embedding": "emb embed embeds embedded embeding embedings embeddings feat feats feature features",
    "size": "sz dim dims dimension dimensions",
    "num": "n nb nr no nof number count",
    "classes": "class cls clss",
    "class": "classes",
    "counts": "count freq freqs frequencies",
    "image": "img imgs images",
    "dir": "directory folder",
}
"""Other words, and usual abbreviations, for the words that names of givens are made of."""


def given_meant(name: str, kind: str) -> str:
    """What to say of a required parameter that seems to mean a given; empty where it seems to mean none.

    Args:
        name: of the parameter.
        kind: whose givens count: one of ``contracts.kinds.KINDS``; ``part`` stands for any of them.
    """
    if name in GIVEN_TYPES and name not in _givens(kind):
        kinds = ", ".join(each for each, known in GIVENS.items() if name in known)
        return f"`{name}` is given to {kinds} only; a {kind} cannot ask for it"
    near = _same_words(name, kind) or get_close_matches(name, _givens(kind), 1, _NEAR)
    return _question(near)


def given_meant_by(info: ParameterInfo, kind: str) -> str:
    """The same of any parameter; one with a default must be nearer, and of the type that the run gives."""
    if info.given:
        return ""
    if info.required:
        return given_meant(info.name, kind)
    if info.name in GIVEN_TYPES:
        return ""  # what the run gives to other kinds may be the recipe's to set here
    several = [given for given in _givens(kind) if "_" in given]  # `label` and `seeds` are words of their own
    near = _same_words(info.name, kind) or get_close_matches(info.name, several, 1, _VERY_NEAR)
    return _question([given for given in near if _takes(info.annotation, GIVEN_TYPES[given])])


def what_is_given(kind: str) -> str:
    """What a run gives components of a kind, for whoever wrote one: ``a loss gets seed, ... by these names``."""
    return f"a run gives {article(kind)} {', '.join(_givens(kind))} by these names, and a recipe sets all others"


def _givens(kind: str) -> tuple[str, ...]:
    return GIVENS.get(kind, tuple(GIVEN_TYPES))


def _question(near: list[str]) -> str:
    return f"did it mean the given `{near[0]}`?" if near else ""


def _same_words(name: str, kind: str) -> list[str]:
    """The givens whose words the name has in other words: ``emb_dim`` is ``embedding_size``."""
    words = [word for word in name.split("_") if word not in ("of", "the")]
    return [given for given in _givens(kind) if "_" in given and _mean_the_same(words, given.split("_"))]


def _mean_the_same(words: list[str], meant: list[str]) -> bool:
    same = (word == each or word in _WORDS.get(each, "").split() for word, each in zip(words, meant, strict=False))
    return len(words) == len(meant) and all(same)


def _takes(annotation: Any, given: Any) -> bool:
    types = members(annotation)
    return unannotated(annotation) or given in types or (bool(get_args(given)) and any(map(get_args, types)))
