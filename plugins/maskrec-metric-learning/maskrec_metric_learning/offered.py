"""Which classes of pytorch-metric-learning 2.9 are offered, under which names, and which are not and why.

Plain data: listing imports neither torch nor the library. A test compares it with the library that is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sees = Literal["classes", "pairs"]


@dataclass(frozen=True, slots=True)
class Offered:
    """One class of the library.

    Args:
        name: in recipes.
        library: the class's name in the library; that of the target here is the same.
        summary: what ``maskrec list`` shows.
        sees: for losses: whether it has centres for the identities, or compares the images of a batch.
        paper: where it is from.
    """

    name: str
    library: str
    summary: str
    sees: Sees = "pairs"
    paper: str = ""


LOSSES = (
    Offered("pml_angular", "AngularLoss", "bounds the angle at each triplet's negative", paper="Wang et al., 2017"),
    Offered("pml_arcface", "ArcFaceLoss", "additive angular margin in degrees", "classes", "Deng et al., 2019"),
    Offered("pml_circle", "CircleLoss", "pairs weighted by how far each is from its optimum", paper="Sun et al., 2020"),
    Offered("pml_contrastive", "ContrastiveLoss", "same pairs within a margin, different ones beyond another",
            paper="Hadsell et al., 2006"),
    Offered("pml_cosface", "CosFaceLoss", "additive cosine margin", "classes", "Wang et al., 2018"),
    Offered("pml_dynamic_soft_margin", "DynamicSoftMarginLoss", "triplets weighted by their rank among past ones",
            paper="Zhang and Rusinkiewicz, 2019"),
    Offered("pml_fast_ap", "FastAPLoss", "average precision by a histogram of distances", paper="Cakir et al., 2019"),
    Offered("pml_generalized_lifted_structure", "GeneralizedLiftedStructureLoss",
            "every anchor against all its positives and negatives at once", paper="Hermans et al., 2017"),
    Offered("pml_intra_pair_variance", "IntraPairVarianceLoss", "keeps each kind of pair near its mean similarity",
            paper="Yu and Tao, 2019"),
    Offered("pml_large_margin_softmax", "LargeMarginSoftmaxLoss", "multiplicative angular margin, lengths kept",
            "classes", "Liu et al., 2016"),
    Offered("pml_lifted_structure", "LiftedStructureLoss", "every same pair against the negatives of both its images",
            paper="Song et al., 2016"),
    Offered("pml_margin", "MarginLoss", "distances on the right side of a boundary that can be learned",
            paper="Wu et al., 2017"),
    Offered("pml_multi_similarity", "MultiSimilarityLoss", "pairs weighted by several similarities",
            paper="Wang et al., 2019"),
    Offered("pml_n_pairs", "NPairsLoss", "one pair of each identity against those of all others", paper="Sohn, 2016"),
    Offered("pml_nca", "NCALoss", "probability that a neighbour is the same person", paper="Goldberger et al., 2004"),
    Offered("pml_normalized_softmax", "NormalizedSoftmaxLoss", "softmax with a temperature over unit centres",
            "classes", "Zhai and Wu, 2019"),
    Offered("pml_nt_xent", "NTXentLoss", "each same pair against the anchor's negatives (InfoNCE)",
            paper="van den Oord et al., 2018"),
    Offered("pml_p2s_grad", "P2SGradLoss", "squared error of the cosines to all centres", "classes",
            "Zhang et al., 2019"),
    Offered("pml_pnp", "PNPLoss", "penalises negatives that rank before positives", paper="Li et al., 2022"),
    Offered("pml_proxy_anchor", "ProxyAnchorLoss", "each centre against the images of a batch", "classes",
            "Kim et al., 2020"),
    Offered("pml_proxy_nca", "ProxyNCALoss", "NCA with one centre for each identity", "classes",
            "Movshovitz-Attias et al., 2017"),
    Offered("pml_ranked_list", "RankedListLoss", "positives within one distance, negatives beyond another",
            paper="Wang et al., 2019"),
    Offered("pml_signal_to_noise_ratio_contrastive", "SignalToNoiseRatioContrastiveLoss",
            "contrastive in signal-to-noise distance", paper="Yuan et al., 2019"),
    Offered("pml_soft_triple", "SoftTripleLoss", "softmax over several centres for each identity", "classes",
            "Qian et al., 2019"),
    Offered("pml_sphereface", "SphereFaceLoss", "multiplicative angular margin over unit centres", "classes",
            "Liu et al., 2017"),
    Offered("pml_subcenter_arcface", "SubCenterArcFaceLoss", "ArcFace with several centres for each identity",
            "classes", "Deng et al., 2020"),
    Offered("pml_supcon", "SupConLoss", "each anchor's positives against all others", paper="Khosla et al., 2020"),
    Offered("pml_threshold_consistent_margin", "ThresholdConsistentMarginLoss",
            "moves pairs to their side of one threshold for all people; to be added to another loss",
            paper="Zhang et al., 2024"),
    Offered("pml_triplet_margin", "TripletMarginLoss", "triplets with a margin", paper="Balntas et al., 2016"),
    Offered("pml_tuplet_margin", "TupletMarginLoss", "each same pair against the anchor's negatives, margin in degrees",
            paper="Yu and Tao, 2019"),
)  # fmt: skip

MEMORY = Offered(
    "pml_cross_batch_memory",
    "CrossBatchMemory",
    "a pml_ loss over the embeddings of past steps too (XBM)",
    paper="Wang et al., 2020",
)

REMEMBERED = (
    "AngularLoss", "CircleLoss", "ContrastiveLoss", "GeneralizedLiftedStructureLoss", "IntraPairVarianceLoss",
    "LiftedStructureLoss", "MarginLoss", "MultiSimilarityLoss", "NCALoss", "NTXentLoss",
    "SignalToNoiseRatioContrastiveLoss", "SupConLoss", "TripletMarginLoss", "TupletMarginLoss",
)  # fmt: skip
"""The losses that the memory can be around, as the library says."""

MINERS = (
    Offered("pml_angular_miner", "AngularMiner", "triplets whose angle is above a bound"),
    Offered("pml_batch_easy_hard_miner", "BatchEasyHardMiner", "easy, semi-hard or hard positives and negatives"),
    Offered("pml_batch_hard_miner", "BatchHardMiner", "the hardest positive and negative of each anchor"),
    Offered("pml_distance_weighted_miner", "DistanceWeightedMiner", "negatives drawn evenly over all distances"),
    Offered("pml_hdc_miner", "HDCMiner", "the hardest share of the pairs"),
    Offered("pml_multi_similarity_miner", "MultiSimilarityMiner", "pairs harder than the hardest of the other kind"),
    Offered("pml_pair_margin_miner", "PairMarginMiner", "pairs on the wrong side of a margin"),
    Offered("pml_triplet_margin_miner", "TripletMarginMiner", "triplets that violate a margin"),
    Offered("pml_uniform_histogram_miner", "UniformHistogramMiner", "pairs drawn evenly over all distances"),
)

EMBEDDING_MINER = "embedding_miner"
_NEED_EMBEDDINGS = ("AngularMiner", "DistanceWeightedMiner")
DRAWING = ("DistanceWeightedMiner", "UniformHistogramMiner", "MarginLoss", "TripletMarginLoss")
"""Those that draw random numbers, the losses with ``triplets_per_anchor`` as a number."""

DISTANCES = (
    Offered("pml_cosine_similarity", "CosineSimilarity", "cosine of the angle between embeddings"),
    Offered("pml_dot_product_similarity", "DotProductSimilarity", "dot product of embeddings"),
    Offered("pml_lp_distance", "LpDistance", "distance in a p-norm, by default L2 of unit embeddings"),
    Offered("pml_snr_distance", "SNRDistance", "variance of the difference over the variance of the anchor"),
)

REDUCERS = (
    Offered("pml_avg_non_zero_reducer", "AvgNonZeroReducer", "mean of the losses above 0"),
    Offered("pml_class_weighted_reducer", "ClassWeightedReducer", "mean weighted by the anchor's identity"),
    Offered("pml_divisor_reducer", "DivisorReducer", "sum over a number that the loss says"),
    Offered("pml_mean_reducer", "MeanReducer", "mean"),
    Offered("pml_multiple_reducers", "MultipleReducers", "a reducer for each term of a loss"),
    Offered("pml_per_anchor_reducer", "PerAnchorReducer", "mean over each anchor's pairs first"),
    Offered("pml_sum_reducer", "SumReducer", "sum"),
    Offered("pml_threshold_reducer", "ThresholdReducer", "mean of the losses between two values"),
)

REGULARIZERS = (
    Offered("pml_center_invariant_regularizer", "CenterInvariantRegularizer", "centres of equal length"),
    Offered("pml_lp_regularizer", "LpRegularizer", "short embeddings or centres"),
    Offered("pml_regular_face_regularizer", "RegularFaceRegularizer", "each centre far from the nearest other"),
    Offered("pml_sparse_centers_regularizer", "SparseCentersRegularizer", "the centres of one identity together"),
    Offered("pml_zero_mean_regularizer", "ZeroMeanRegularizer", "embeddings whose numbers add up to 0"),
)

ABSTRACT = (
    "BaseDistance", "BaseLossWrapper", "BaseMetricLossFunction", "BaseMiner", "BaseReducer", "BaseRegularizer",
    "EmbeddingRegularizerMixin", "GenericPairLoss", "WeightRegularizerMixin",
)  # fmt: skip

LEFT_OUT = {
    "BatchedDistance": "for comparing large sets, with a function that no recipe can write",
    "DoNothingReducer": "it returns a dict, and a loss must return a scalar",
    "EmbeddingsAlreadyPackagedAsTriplets": "no sampler of maskrec yields triplets in a row",
    "HistogramLoss": "it indexes a matrix by a list of lists, which torch says that it will read in another way",
    "InstanceLoss": "it compares images of a batch with the rank of their identity, so the batch's order changes it",
    "ManifoldLoss": "it takes no labels",
    "MultipleLosses": "maskrec's weighted_sum, which also takes losses of other plugins",
    "SelfSupervisedLoss": "it takes pairs of views in place of labels",
    "SmoothAPLoss": "it cuts a batch of P identities x K images into K groups of P, right only where both are equal",
    "VICRegLoss": "it takes pairs of views in place of labels",
}
"""Classes that are not offered, each with the reason."""


def part_of_miner(each: Offered) -> str:
    """``miner`` for one that works from any distances, for maskrec's ``triplet`` too; else `EMBEDDING_MINER`."""
    return EMBEDDING_MINER if each.library in _NEED_EMBEDDINGS else "miner"
