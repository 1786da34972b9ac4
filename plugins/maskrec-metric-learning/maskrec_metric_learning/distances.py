"""The library's distances."""

from __future__ import annotations

from pytorch_metric_learning import distances as library_distances

from maskrec_metric_learning.library_parts import part_targets
from maskrec_metric_learning.offered import DISTANCES
from maskrec_metric_learning.part_parameters import DISTANCE

globals().update(part_targets(library_distances, DISTANCES, DISTANCE, __name__))
