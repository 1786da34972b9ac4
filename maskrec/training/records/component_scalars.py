"""What the sampler and the transforms report of a step, beside the loss's own diagnostics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maskrec.contracts.component_calls import diagnostics

if TYPE_CHECKING:
    from torch import Tensor

    from maskrec.recipe.plan import Spec
    from maskrec.training.assemble import Assembly


def component_scalars(assembly: Assembly) -> dict[str, float | Tensor]:
    """``sampler/NAME`` and ``transforms.LABEL/NAME``: numbers, and tensors of one number that nobody has read.

    Raises:
        PluginError: a ``diagnostics()`` that fails, or that returns something other than a dict of numbers.
    """
    plan = assembly.plan
    asked: list[tuple[Spec, object]] = [(plan.sampler, assembly.sampler)]
    asked += [(plan.transforms[label], transform) for label, transform in assembly.transforms.items()]
    return {
        f"{spec.path}/{name}": value
        for spec, component in asked
        for name, value in diagnostics(component, spec.who).items()
    }
