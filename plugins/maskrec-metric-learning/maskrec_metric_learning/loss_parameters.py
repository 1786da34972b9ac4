"""The parameters of the losses: types, units and ranges; names and defaults are the library's."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from maskrec.contracts.kinds import Part
from maskrec_metric_learning.offered import EMBEDDING_MINER
from maskrec_metric_learning.stated import Stated, number, part, switch, whole

_UNITS = "in units of the distance"
_SCALE = number("what cosines are multiplied by", above=0)
_TEMPERATURE = number("what similarities are divided by", above=0)
_TRIPLETS = Stated(
    int | Literal["all"], "how many triplets are drawn for each anchor without a miner, or `all`; at least 1", 1
)
_COSINE_MARGIN = number("subtracted from the cosine to the own centre", least=0, most=2)
_MULTIPLE = whole("what the angle to the own centre is multiplied by", 1)

LOSS: dict[str, dict[str, Stated]] = {
    "AngularLoss": {"alpha": number("largest angle at the negative, in degrees", above=0, below=90)},
    "ArcFaceLoss": {
        "margin": number("added to the angle to the own centre, in degrees", least=0, below=180),
        "scale": _SCALE,
    },
    "CircleLoss": {
        "m": number("relaxation: same pairs are to be above 1 - m, different ones below m", above=0, below=1),
        "gamma": _SCALE,
    },
    "ContrastiveLoss": {
        "pos_margin": number(f"beyond which same pairs count, {_UNITS}; with a similarity, below which"),
        "neg_margin": number(f"within which different pairs count, {_UNITS}; with a similarity, above which"),
    },
    "CosFaceLoss": {"margin": _COSINE_MARGIN, "scale": _SCALE},
    "DynamicSoftMarginLoss": {
        "min_val": number("smallest difference of two distances that counts", least=-2, below=0),
        "num_bins": whole("bins of the histogram of differences", 1),
        "momentum": number("share of the present batch in the histogram", above=0, most=1),
    },
    "FastAPLoss": {"num_bins": whole("bins of the histogram of distances", 1)},
    "GeneralizedLiftedStructureLoss": {
        "neg_margin": number(f"which different pairs are to exceed, {_UNITS}"),
        "pos_margin": number(f"which same pairs are to stay within, {_UNITS}"),
    },
    "IntraPairVarianceLoss": {
        "pos_eps": number("share of their mean by which similarities of same pairs may be lower", least=0),
        "neg_eps": number("share of their mean by which similarities of different pairs may be higher", least=0),
    },
    "LargeMarginSoftmaxLoss": {"margin": _MULTIPLE, "scale": _SCALE},
    "MarginLoss": {
        "margin": number(f"on both sides of the boundary, {_UNITS}", least=0),
        "nu": number("weight of the boundary itself in the loss, where it is learned", least=0),
        "beta": number(f"the boundary between same and different pairs, {_UNITS}"),
        "learn_beta": switch("whether the boundary is learned"),
        "triplets_per_anchor": _TRIPLETS,
    },
    "MultiSimilarityLoss": {
        "alpha": number("weight of same pairs in the exponent", above=0),
        "beta": number("weight of different pairs in the exponent", above=0),
        "base": number(f"similarity from which on both are counted, {_UNITS}"),
    },
    "NCALoss": {"softmax_scale": number("what distances are multiplied by", above=0)},
    "NormalizedSoftmaxLoss": {"temperature": _TEMPERATURE},
    "NTXentLoss": {"temperature": _TEMPERATURE},
    "P2SGradLoss": {},
    "PNPLoss": {
        "b": number("of the variant Ib", above=0),
        "alpha": number("exponent of the variant Dq", above=0),
        "anneal": number("what differences of cosines are divided by in the sigmoid", above=0),
        "variant": Stated(Literal["Ds", "Dq", "Iu", "Ib", "O"], "how much each further negative counts"),
    },
    "ProxyAnchorLoss": {
        "margin": number("of the cosines to own and to other centres", least=0, most=2),
        "alpha": _SCALE,
    },
    "RankedListLoss": {
        "margin": number(f"between positives and negatives, {_UNITS}", above=0),
        "Tn": number("temperature by which near negatives count more", least=0),
        "imbalance": number("share of the negatives in the loss", least=0, most=1),
        "alpha": number(f"beyond which negatives count no more, {_UNITS}; null for 1 + margin / 2", above=0).or_none(),
        "Tp": number("temperature by which far positives count more", least=0),
    },
    "SoftTripleLoss": {
        "centers_per_class": whole("centres for each identity", 1),
        "la": _SCALE,
        "gamma": number("what similarities to an identity's centres are divided by", above=0),
        "margin": _COSINE_MARGIN,
    },
    "SupConLoss": {"temperature": _TEMPERATURE},
    "ThresholdConsistentMarginLoss": {
        "lambda_plus": number("weight of same pairs", least=0),
        "lambda_minus": number("weight of different pairs", least=0),
        "margin_plus": number("cosine below which same pairs count", least=-1, most=1),
        "margin_minus": number("cosine above which different pairs count", least=-1, most=1),
    },
    "TripletMarginLoss": {
        "margin": number(f"by which a negative is to be farther than a positive, {_UNITS}"),
        "swap": switch("whether the negative is compared with the positive where that is the nearer one"),
        "smooth_loss": switch("log(1 + exp(x)) in place of max(0, x)"),
        "triplets_per_anchor": _TRIPLETS,
    },
    "TupletMarginLoss": {
        "margin": number("by which same pairs are to be nearer, in degrees", least=0, below=180),
        "scale": _SCALE,
    },
}
LOSS["LiftedStructureLoss"] = LOSS["GeneralizedLiftedStructureLoss"]
LOSS["SphereFaceLoss"] = LOSS["LargeMarginSoftmaxLoss"]
LOSS["SubCenterArcFaceLoss"] = {**LOSS["ArcFaceLoss"], "sub_centers": whole("centres for each identity", 1)}
LOSS["NPairsLoss"] = LOSS["ProxyNCALoss"] = LOSS["SignalToNoiseRatioContrastiveLoss"] = {}
LOSS["ProxyNCALoss"] = LOSS["NCALoss"]
LOSS["SignalToNoiseRatioContrastiveLoss"] = LOSS["ContrastiveLoss"]

COMMON: dict[str, Stated] = {
    "distance": part("distance", "a pml_ distance; null is the loss's own"),
    "reducer": part("reducer", "a pml_ reducer; null is the loss's own"),
    "embedding_regularizer": part("regularizer", "a pml_ regularizer of the embeddings"),
    "embedding_reg_weight": number("factor of what `embedding_regularizer` adds", least=0),
    "weight_regularizer": part("regularizer", "a pml_ regularizer of the centres"),
    "weight_reg_weight": number("factor of what `weight_regularizer` adds", least=0),
}
"""Of every loss whose constructor takes them."""

FIXED_DISTANCE = (
    "AngularLoss", "ArcFaceLoss", "CircleLoss", "CosFaceLoss", "DynamicSoftMarginLoss", "FastAPLoss",
    "LargeMarginSoftmaxLoss", "P2SGradLoss", "PNPLoss", "SignalToNoiseRatioContrastiveLoss", "SoftTripleLoss",
    "SphereFaceLoss", "SubCenterArcFaceLoss", "ThresholdConsistentMarginLoss", "TupletMarginLoss",
)  # fmt: skip
"""Losses for which the library allows one distance only, or whose own it does not use."""

WITHOUT_MINER = ("P2SGradLoss", "PNPLoss", "RankedListLoss")
"""Losses that take no chosen pairs."""

LEFT_OUT = {
    "collect_stats": "figures of the library's own, each of which waits for the device",
    "weight_init_func": "a function; weights begin as the library draws them, from the run's seed",
    "mat_based_loss": "which of two ways the library computes it",
    "num_classes": "given by the run",
    "embedding_size": "given by the run",
    "descriptors_dim": "given by the run",
}
"""Parameters that no recipe sets, each with the reason."""

MINER = Stated(
    Annotated[Any, Part("miner")] | Annotated[Any, Part(EMBEDDING_MINER)] | None,
    "chooses the pairs or triplets that count: a pml_ miner, or one of maskrec's that lists triplets",
)
MINER_OF_CLASSES = replace(
    MINER, help=f"{MINER.help}; each image is weighted by how often it was chosen, over the most chosen one's"
)
CLASS_BETA = switch("whether each identity has a boundary of its own")
MEMORY_SIZE = whole("how many embeddings are kept; no batch may be larger", 1)
