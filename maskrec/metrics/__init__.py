"""Metrics: pure functions on arrays, numpy only, float64 inside.

Pairs come as two arrays, the distances of same-person pairs and of different-person pairs; a pair at or below a
threshold is classified as the same person. Invalid input raises a ``ValueError`` of one sentence.
"""

from maskrec.metrics.accuracy import (
    LFW_THRESHOLDS,
    BestThreshold,
    KFoldAccuracy,
    best_threshold,
    contiguous_folds,
    k_fold_accuracy,
)
from maskrec.metrics.confusion import ClassScores, Confusion, confusion
from maskrec.metrics.contrastive import contrastive_loss
from maskrec.metrics.distances import Distance, normalise, pair_distances
from maskrec.metrics.enough_people import NotEnoughPeopleError
from maskrec.metrics.galleries_file import LARGEST_GALLERIES, galleries_bytes, read_galleries
from maskrec.metrics.histogram import HistogramThreshold, Rule, histogram_threshold, histograms, iou
from maskrec.metrics.intervals import quantile_counts, t_interval, wilson
from maskrec.metrics.measured_galleries import MeasuredFnir, MeasuredFpir, MeasuredGalleries, measure_galleries
from maskrec.metrics.risk import Risk, count_risk
from maskrec.metrics.risk_answers import FalseRejects, RiskThreshold
from maskrec.metrics.risk_file import LARGEST_RISK, read_risk, risk_bytes, write_risk
from maskrec.metrics.roc import Roc, roc
from maskrec.metrics.tar import TarAtFar, tar_at_far
from maskrec.metrics.two_names import TwoNames, people_under_two_names

__all__ = [
    "LARGEST_GALLERIES",
    "LARGEST_RISK",
    "LFW_THRESHOLDS",
    "BestThreshold",
    "ClassScores",
    "Confusion",
    "Distance",
    "FalseRejects",
    "HistogramThreshold",
    "KFoldAccuracy",
    "MeasuredFnir",
    "MeasuredFpir",
    "MeasuredGalleries",
    "NotEnoughPeopleError",
    "Risk",
    "RiskThreshold",
    "Roc",
    "Rule",
    "TarAtFar",
    "TwoNames",
    "best_threshold",
    "confusion",
    "contiguous_folds",
    "contrastive_loss",
    "count_risk",
    "galleries_bytes",
    "histogram_threshold",
    "histograms",
    "iou",
    "k_fold_accuracy",
    "measure_galleries",
    "normalise",
    "pair_distances",
    "people_under_two_names",
    "quantile_counts",
    "read_galleries",
    "read_risk",
    "risk_bytes",
    "roc",
    "t_interval",
    "tar_at_far",
    "wilson",
    "write_risk",
]
