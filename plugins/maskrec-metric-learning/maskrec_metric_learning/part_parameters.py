"""The parameters of miners, distances, reducers and regularizers: types, units and ranges."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from maskrec.contracts.kinds import Part
from maskrec_metric_learning.stated import Stated, number, part, switch, whole

_STRATEGY = Literal["easy", "semihard", "hard", "all"]
_RANGE = tuple[float, float]
_UNITS = "in units of the distance"
_OWN_DISTANCE = part(
    "distance", "a pml_ distance; null is the miner's own. To be left out within maskrec's triplet, which has its own"
)

MINER: dict[str, dict[str, Stated]] = {
    "AngularMiner": {"angle": number("triplets with a larger one are chosen, in degrees", least=0, below=90)},
    "BatchEasyHardMiner": {
        "pos_strategy": Stated(_STRATEGY, "which positives of each anchor"),
        "neg_strategy": Stated(_STRATEGY, "which negatives of each anchor"),
        "allowed_pos_range": Stated(_RANGE | None, f"smallest and largest distance of positives, {_UNITS}"),
        "allowed_neg_range": Stated(_RANGE | None, f"smallest and largest distance of negatives, {_UNITS}"),
        "distance": _OWN_DISTANCE,
    },
    "DistanceWeightedMiner": {
        "cutoff": number("smaller distances are drawn as often as this one, in L2 of unit embeddings", above=0, most=2),
        "nonzero_loss_cutoff": number("negatives at or beyond it are not drawn", above=0, most=2),
    },
    "HDCMiner": {
        "filter_percentage": number("share of the pairs that is chosen, the hardest ones", above=0, most=1),
        "distance": _OWN_DISTANCE,
    },
    "MultiSimilarityMiner": {
        "epsilon": number(f"by how much a pair may be easier than the hardest of the other kind, {_UNITS}"),
        "distance": _OWN_DISTANCE,
    },
    "PairMarginMiner": {
        "pos_margin": number(f"same pairs beyond it are chosen, {_UNITS}; with a similarity, below it"),
        "neg_margin": number(f"different pairs within it are chosen, {_UNITS}; with a similarity, above it"),
        "distance": _OWN_DISTANCE,
    },
    "TripletMarginMiner": {
        "margin": number(f"by which a negative is to be farther than a positive, {_UNITS}"),
        "type_of_triplets": Stated(
            Literal["all", "hard", "semihard", "easy"],
            "all that violate the margin, those of them with the negative nearer, those with it farther, or all others",
        ),
        "distance": _OWN_DISTANCE,
    },
    "UniformHistogramMiner": {
        "num_bins": whole("bins of distances", 1),
        "pos_per_bin": whole("same pairs drawn from each bin", 1),
        "neg_per_bin": whole("different pairs drawn from each bin", 1),
        "distance": _OWN_DISTANCE,
    },
}
MINER["BatchHardMiner"] = {
    name: MINER["BatchEasyHardMiner"][name] for name in ("allowed_pos_range", "allowed_neg_range", "distance")
}

_NORMALIZE = switch("whether embeddings are brought to length 1 first")
_P = number("of the norm", least=1)

DISTANCE: dict[str, dict[str, Stated]] = {
    "CosineSimilarity": {"power": whole("of the cosine", 1)},
    "DotProductSimilarity": {"normalize_embeddings": _NORMALIZE, "power": whole("of the dot product", 1)},
    "LpDistance": {"normalize_embeddings": _NORMALIZE, "p": _P, "power": number("of the distance", above=0)},
    "SNRDistance": {"normalize_embeddings": _NORMALIZE, "p": _P, "power": number("of the distance", above=0)},
}

_REDUCER = Annotated[Any, Part("reducer")]
_BETWEEN = {
    "low": number("losses at or below it do not count; null for all").or_none(),
    "high": number("losses at or above it do not count; null for all").or_none(),
}

REDUCER: dict[str, dict[str, Stated]] = {
    "AvgNonZeroReducer": {"high": _BETWEEN["high"]},
    "ClassWeightedReducer": {"weights": Stated(list[float], "one for each identity; at least 0", 0.0)},
    "DivisorReducer": {},
    "MeanReducer": {},
    "MultipleReducers": {
        "reducers": Stated(dict[str, _REDUCER], "by the name of the loss's term, such as pos_loss and neg_loss"),
        "default_reducer": Stated(_REDUCER | None, "of all other terms; null is the mean"),
    },
    "PerAnchorReducer": {"reducer": Stated(_REDUCER | None, "over the anchors; null is the mean")},
    "SumReducer": {},
    "ThresholdReducer": _BETWEEN,
}

_REGULARIZER = {"reducer": part("reducer", "a pml_ reducer; null is the regularizer's own")}

REGULARIZER: dict[str, dict[str, Stated]] = {
    "CenterInvariantRegularizer": _REGULARIZER,
    "LpRegularizer": {"p": _P, "power": number("of the norm", above=0), **_REGULARIZER},
    "RegularFaceRegularizer": _REGULARIZER,
    "SparseCentersRegularizer": {
        "centers_per_class": whole("as many as the loss has for each identity", 2, math.inf),
        **_REGULARIZER,
    },
    "ZeroMeanRegularizer": _REGULARIZER,
}

LEFT_OUT = {
    "aggregation_func": "a function",
    "collect_stats": "figures of the library's own, each of which waits for the device",
    "distance": "the library allows one only, or does not use it",
    "is_inverted": "what the distance is",
    "low": "0, which is what it is for",
    "neg_strategy": "hard, which is what it is for",
    "normalize_embeddings": "a cosine is of unit embeddings",
    "num_classes": "given by the run",
    "p": "lengths are L2",
    "pos_strategy": "hard, which is what it is for",
}
"""Parameters that no recipe sets where they are not stated above, each with the reason."""
