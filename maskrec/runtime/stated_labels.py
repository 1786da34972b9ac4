"""Labels of samples as they are read, held to those that their data set states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import PluginError
from maskrec.runtime.sample_checks import number_of


class StatedLabels:
    """What a data set states in ``labels``; loss, sampler and class counts have been built from it.

    Args:
        samples: a data set. The images of a pair set promise no labels; a data set also has ``num_classes``.
        who: names the data set in messages; may be empty.
    """

    def __init__(self, samples: object, who: str) -> None:
        self.samples, self.who = samples, f"{who}: " if who else ""
        self.labels: Sequence[int] | None = (
            getattr(samples, "labels", None) if hasattr(samples, "num_classes") else None
        )

    def hold(self, labels: NDArray[Any], indices: NDArray[np.int64]) -> None:
        """Compare a batch's labels ``(B,)`` with those of its samples ``(B,)``.

        Raises:
            PluginError: one differs; the sample is named.
        """
        if self.labels is None:
            return
        if isinstance(self.labels, np.ndarray):
            stated = self.labels[indices]
        else:  # looked up one by one: a list of millions is not copied
            stated = np.fromiter(map(self.labels.__getitem__, indices.tolist()), np.int64, len(indices))
        rows = np.flatnonzero(labels != stated)
        if len(rows):
            row = int(rows[0])
            sample = f"{self.who}sample {number_of(self.samples, int(indices[row]))}"
            raise PluginError(f"{sample} has the label {labels[row]}, and its data set's `labels` say {stated[row]}")
