"""What a sampler must keep to: the same batches whenever and wherever it is asked."""

from __future__ import annotations

from typing import Any

from torch import nn

from maskrec.base.errors import PluginError
from maskrec.contracts.call_into import call_into
from maskrec.contracts.component_calls import frozen_modules, keeps_state, restore_state, state_of
from maskrec.contracts.kinds import Sampler
from maskrec.runtime.epoch_batches import Batches, batches_digest, epoch_batches
from maskrec.training.processes.distributed import all_gather_object


def first_batches(sampler: Sampler, samples: int, who: str) -> Batches:
    """The batches of the first epoch, asked for twice; a sampler's own state is as before.

    Args:
        sampler: it.
        samples: how many samples the data set has.
        who: names the sampler in messages.

    Raises:
        PluginError: the sampler does not keep its contract, or gives other batches the second time, or on another
            process.
    """
    before = sampler_state(sampler, who)
    first = epoch_batches(sampler, 0, samples, who)
    restore_sampler(sampler, before, who)
    again = epoch_batches(sampler, 0, samples, who, again=True)
    restore_sampler(sampler, before, who)
    if batches_digest(first) != batches_digest(again):
        raise PluginError(
            f"{who} gives other batches when it is asked for epoch 1 again, so no run could be continued; draw them by "
            "its `seed` and the epoch alone, or keep what else they depend on in state_dict and load_state_dict"
        )
    _refuse_differing(first, 0, who)
    return first


def has_batch_norm(module: nn.Module) -> bool:
    """Whether a module normalises by the batch that it is trained on; what it declares as frozen does not."""
    frozen = {id(inner) for each in frozen_modules(module) for inner in each.modules()}
    return any("BatchNorm" in type(each).__name__ and id(each) not in frozen for each in module.modules())


def agreed_batches(sampler: Sampler, epoch: int, samples: int, who: str) -> Batches:
    """The batches of an epoch, the same on every process.

    Raises:
        PluginError: the sampler does not keep its contract, or gives another process other batches.
    """
    batches = epoch_batches(sampler, epoch, samples, who)
    _refuse_differing(batches, epoch, who)
    return batches


def _refuse_differing(batches: Batches, epoch: int, who: str) -> None:
    hashes = all_gather_object(batches_digest(batches))
    differing = next((number for number, each in enumerate(hashes) if each != hashes[0]), None)
    if differing is not None:
        raise PluginError(
            f"{who} gives process {differing} other batches of epoch {epoch + 1} than process 0; a sampler yields "
            "global batches, drawn by its `seed` and the epoch alone, and the run shares them out"
        )


def sampler_state(sampler: Sampler, who: str) -> Any:
    """The sampler's own state, None where it keeps none."""
    with call_into(who, "failed in state_dict", sampler):
        return state_of(sampler)


def restore_sampler(sampler: Sampler, state: Any, who: str) -> None:
    """Set what `sampler_state` returned."""
    if keeps_state(sampler):
        with call_into(who, "failed in load_state_dict", sampler):
            restore_state(sampler, state)
