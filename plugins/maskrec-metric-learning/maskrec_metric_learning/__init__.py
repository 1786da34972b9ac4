"""The components of this plugin: pytorch-metric-learning's, under names that begin with ``pml_``.

maskrec imports this module to list them, so neither torch nor the library is imported here.
"""

from __future__ import annotations

from maskrec import Component, hookimpl
from maskrec_metric_learning import offered
from maskrec_metric_learning.offered import Offered


@hookimpl
def maskrec_losses() -> list[Component]:
    """The losses."""
    own = Component(
        offered.MEMORY.name, "maskrec_metric_learning.cross_batch_memory:CrossBatchMemory", offered.MEMORY.summary
    )
    return [*(_component(each, "losses") for each in offered.LOSSES), own]


@hookimpl
def maskrec_parts() -> list[Component]:
    """Miners, distances, reducers and regularizers."""
    return [
        *(_component(each, "miners", offered.part_of_miner(each)) for each in offered.MINERS),
        *(_component(each, "distances", "distance") for each in offered.DISTANCES),
        *(_component(each, "reducers", "reducer") for each in offered.REDUCERS),
        *(_component(each, "regularizers", "regularizer") for each in offered.REGULARIZERS),
    ]


def _component(each: Offered, module: str, part: str = "") -> Component:
    return Component(each.name, f"maskrec_metric_learning.{module}:{each.library}", each.summary, part=part)
