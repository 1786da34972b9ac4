"""What the batches of a first epoch show of their sampler: too small to train on, or always the same samples."""

from __future__ import annotations

from collections.abc import Iterator

from maskrec.base.errors import PluginError
from maskrec.base.words import counted
from maskrec.contracts.collectives import world_size
from maskrec.contracts.kinds import Sampler
from maskrec.contracts.problem import Problem
from maskrec.recipe.plan import Spec
from maskrec.runtime.epoch_batches import Batches


def size_problems(batches: Batches, batch_norm: bool, sampler: Sampler, spec: Spec) -> Iterator[Problem]:
    """Batches of the first epoch that are too small for the processes.

    Args:
        batches: of all processes.
        batch_norm: whether the networks normalise by batch, so that one image a process is not enough.
        sampler: which yielded them; an epoch's last batch alone may be smaller than its ``batch_size``.
        spec: it, with its parameters.

    Raises:
        PluginError: the sampler does not keep to its own ``batch_size``.
    """
    least = 2 if batch_norm else 1
    small = next((number for number, batch in enumerate(batches) if len(batch) // world_size() < least), None)
    if small is None:
        return
    images, processes = counted(len(batches[small]), "image"), counted(world_size(), "process")
    if small < len(batches) - 1 and len(batches[small]) < sampler.batch_size:
        raise PluginError(
            f"{spec.who} yields {images} as batch {small + 1} of epoch 1, and its batch_size is {sampler.batch_size}; "
            "only the last batch of an epoch may be smaller"
        )
    which = "the last batch of an epoch" if small == len(batches) - 1 else f"batch {small + 1} of an epoch"
    needs = "batch norm needs two" if batch_norm else "one is needed"
    yield Problem(
        f"{which} has {images} for {processes}, and {needs} in each; {_remedy(spec)}", spec.path, mark=spec.mark
    )


def _remedy(spec: Spec) -> str:
    """What the user can do about a last batch that is too small: what the sampler's parameters allow."""
    ways = {"batch_size": "choose another batch_size", "drop_last": "drop such a batch (drop_last: true)"}
    open_ways = [way for name, way in ways.items() if name in spec.parameters]
    return ", or ".join(open_ways) or f"{spec.name} has to leave such a batch out, or add its images to the one before"


def sameness_notes(batches: Batches, samples: int, spec: Spec) -> Iterator[Problem]:
    """A batch of one sample only, and an epoch whose batches all hold the same samples; the first of these that is so.

    A sample may well come twice in a batch, where a person with few photos fills a place for many.

    Args:
        batches: of the first epoch.
        samples: of the data set.
        spec: the sampler.
    """
    if samples < 2:
        return
    for number, batch in enumerate(batches, start=1):
        if len(batch) > 1 and all(index == batch[0] for index in batch):
            held = f"sample {batch[0]} alone, {len(batch)} times"
            message = f"batch {number} of epoch 1 holds {held}, and the data has {samples:,} samples"
            yield _note(message, spec, "a batch should hold different samples")
            return
    seen = set(batches[0]) if len(batches) > 1 else set()
    if seen and len(seen) < samples and all(set(batch) == seen for batch in batches[1:]):
        held = counted(len(seen), "sample")
        message = f"all {len(batches):,} batches of epoch 1 hold the same {held} of {samples:,}"
        yield _note(message, spec, "the batches of an epoch should together go through the data")


def _note(message: str, spec: Spec, should: str) -> Problem:
    return Problem(message, spec.path, f"for the author of {spec.name}: {should}", spec.mark, note=True)
