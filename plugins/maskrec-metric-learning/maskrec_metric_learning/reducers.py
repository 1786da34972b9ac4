"""The library's reducers: how the losses of pairs, triplets or images become one number."""

from __future__ import annotations

from pytorch_metric_learning import reducers as library_reducers

from maskrec_metric_learning.library_parts import part_targets
from maskrec_metric_learning.offered import REDUCERS
from maskrec_metric_learning.part_parameters import REDUCER

globals().update(part_targets(library_reducers, REDUCERS, REDUCER, __name__))
