"""The built-in heads by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from maskrec.contracts.margin import Head
from maskrec.losses.heads.chunked_head import Chunked
from maskrec.losses.heads.class_centres import START, ClassCentres, Start
from maskrec.losses.heads.dense_head import Dense
from maskrec.losses.heads.sampled_head import Sampled
from maskrec.losses.heads.sharded_head import Sharded

PlainHeadName = Literal["dense", "chunked", "sharded"]
HeadName = Literal["dense", "chunked", "sharded", "sampled"]
_HEADS: Mapping[str, type[Dense | Chunked | Sharded | Sampled]] = {
    "dense": Dense,
    "chunked": Chunked,
    "sharded": Sharded,
    "sampled": Sampled,
}


def head_of(
    name: HeadName,
    embedding_size: int,
    num_classes: int,
    init: Start = START,
    bias: bool = False,
    centres_per_class: int = 1,
) -> Head:
    """The head of that name with its defaults.

    Args:
        name: which.
        embedding_size: of the backbone's embeddings.
        num_classes: training identities.
        init: see ``start_centres``.
        bias: whether plain products get one.
        centres_per_class: K.
    """
    head: ClassCentres = _HEADS[name](embedding_size, num_classes, centres_per_class, init)
    if bias:
        head.add_bias()
    return head
