"""The library's regularizers of embeddings and centres."""

from __future__ import annotations

from pytorch_metric_learning import regularizers as library_regularizers

from maskrec_metric_learning.library_parts import part_targets
from maskrec_metric_learning.offered import REGULARIZERS
from maskrec_metric_learning.part_parameters import REGULARIZER

globals().update(part_targets(library_regularizers, REGULARIZERS, REGULARIZER, __name__))
