"""What samplers and transforms report: in rows and events, means over steps, and nobody waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from operation_counts import OperationCounts
from probe_runs import PROBED, PROBES, rows

from maskrec.base.errors import PluginError
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Plan
from maskrec.runtime.epoch_batches import epoch_places
from maskrec.runtime.loading import load
from maskrec.training.assemble import assemble
from maskrec.training.dry_run import dry_run
from maskrec.training.runner import start
from maskrec.training.steps.train_step import TrainStep

REPORTING = Path(__file__).with_name("reporting.py")
BRIGHT = {"bright": {"use": "brightness"}}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover([PROBES, REPORTING])


def planned(catalog: Catalog, folder: Path, transforms: dict[str, Any], **train: Any) -> Plan:
    recipe = {**PROBED, "sampler": {"use": "in_order", "batch_size": 8}, "transforms": transforms, "observe": {}}
    recipe["loss"] = {"use": "push", "keep": "sum"}  # whose diagnostics are tensors too
    recipe["train"] = {**PROBED["train"], **train}
    path = folder / "reporting.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return resolve(path, catalog=catalog, data_root=folder)


def test_rows_hold_the_means_over_their_steps(catalog: Catalog, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    plan = planned(catalog, tmp_path, BRIGHT, epochs=2, log_every=2)
    run = start(plan, catalog, tmp_path, tmp_path / "run")
    found = [row["scalars"] for row in rows(run) if row["kind"] == "step"]
    batches = [torch.stack([picture(index) for index in range(first, first + 8)]) for first in (0, 8, 16)]
    means = [float((batch.float() / 255).double().mean()) for batch in batches]
    expected = [  # rows at steps 2, 3, 4 and 6: the epochs have three steps each
        {"sampler/epoch": 0.0, "transforms.bright/mean": (means[0] + means[1]) / 2, "transforms.bright/label": 2.5},
        {"sampler/epoch": 0.0, "transforms.bright/mean": means[2]},
        {"sampler/epoch": 1.0, "transforms.bright/mean": means[0], "transforms.bright/label": 0.5},
        {"sampler/epoch": 1.0, "transforms.bright/mean": (means[1] + means[2]) / 2, "transforms.bright/label": 4.5},
    ]
    assert found == [pytest.approx(each, rel=1e-6) for each in expected]
    assert [row["diagnostics"] for row in rows(run) if row["kind"] == "step"] == [
        {"calls": calls} for calls in (1.5, 3.0, 4.0, 5.5)
    ]


def picture(index: int) -> torch.Tensor:
    """As the probes' data set has it, computed apart from it."""
    import numpy as np

    return torch.from_numpy(np.random.default_rng(index).integers(0, 256, (3, 8, 8), np.uint8))


def test_nobody_reads_them_between_rows(catalog: Catalog, tmp_path: Path) -> None:
    reads = {}
    for name, transforms in (("with", BRIGHT), ("without", {})):
        assembly = assemble(planned(catalog, tmp_path, transforms), catalog, tmp_path)
        stepper = TrainStep(assembly)
        batches = list(load(assembly.dataset, epoch_places(assembly.sampler, 0), workers=0, pin=False))
        stepper.step([stepper.prepare(batches[0], 0, 0)])
        counts = OperationCounts()
        with counts:
            result = stepper.step([stepper.prepare(batches[1], 0, 1)])
        reads[name] = counts.host_reads
        assert ("transforms.bright/mean" in result.numbers.scalars) == (name == "with")
    assert reads == {"with": 0, "without": 0}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("list", "returned a list from diagnostics; it must return a dict of numbers"),
        ("word", "returned a str for 'share' from diagnostics; it must be a number"),
        ("image", r"returned a tensor of shape \(2, 3\) for 'share' from diagnostics; it must be a number"),
        ("raises", r"failed in diagnostics: AttributeError: .* \((\S*/)?reporting\.py:\d+\)"),
    ],
)
def test_what_is_no_number_is_reported_before_the_run_trains(
    catalog: Catalog, tmp_path: Path, wrong: str, said: str
) -> None:
    plan = planned(catalog, tmp_path, {"odd": {"use": "wrong", "wrong": wrong}})
    with pytest.raises(PluginError, match=rf"^transforms\.odd: file:reporting\.py/wrong {said}$"):
        dry_run(plan, catalog, tmp_path)
