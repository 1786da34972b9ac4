"""maskrec's contract checks."""

from __future__ import annotations

import pytest

pytest.importorskip(
    "pytorch_metric_learning", reason="pytorch-metric-learning is not installed; run `make test-plugins`"
)

from maskrec.testing import parametrize_with_checks

OPTIONS = {
    "pml_class_weighted_reducer": {"weights": [1.0, 2.0, 0.5, 1.0, 3.0]},
    "pml_cross_batch_memory": {"loss": {"use": "pml_contrastive"}, "memory_size": 64},
    "pml_multi_similarity_miner": {"epsilon": 1.0},
    "pml_multiple_reducers": {"reducers": {"pos_loss": {"use": "pml_sum_reducer"}}},
    "pml_pair_margin_miner": {"pos_margin": 0.0, "neg_margin": 2.0},
    "pml_ranked_list": {"margin": 0.4, "Tn": 1.0},
    "pml_sparse_centers_regularizer": {"centers_per_class": 2},
    "pml_threshold_reducer": {"low": 0.0},
    "pml_triplet_margin": {"margin": 1.0},
    "pml_triplet_margin_miner": {"margin": 1.0},
}
EXPECTED_FAILURES = {
    "pml_n_pairs": {"batch_order": "it takes one pair of each identity, the first in the batch"},
    "pml_uniform_histogram_miner": {"batch_order": "it draws pairs by their places in the batch"},
}


@parametrize_with_checks("maskrec-metric-learning", options=OPTIONS, expected_failures=EXPECTED_FAILURES)
def test_contract(check):
    check()
