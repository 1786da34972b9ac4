"""A plugin file of small components of every kind, and recipes made of them: none of them needs torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.checking import Checked, check_recipe

TOYS = """
from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from maskrec import Component, Problem, hookimpl
from maskrec.contracts.kinds import Backbone, Loss, Pairs, Part


class Mood(enum.Enum):
    CALM = "calm"
    LOUD = 2


class ToyNet:
    def __init__(self, size: int = 8, weights: Literal["small", "large"] | Path | None = None,
                 seed: int | None = None, image_size: int | None = None) -> None: ...


class ToyData:
    def __init__(self, path: Path, root: Path = Path("."), limit: int | None = None) -> None: ...


class ToyFaces:
    def __init__(self, identities: int = 4) -> None: ...


class ToySampler:
    def __init__(self, batch_size: int, labels: Sequence[int]) -> None: ...


class ToyLoss:
    def __init__(self, num_classes: int, margin: float = 0.5, mood: Mood = Mood.CALM, flag: bool = False,
                 rates: list[float] | None = None, pair: tuple[int, int] = (1, 2),
                 table: dict[str, float] | None = None, step: int | float = 1, odd: int = None,
                 level: Literal[0, 1, 2] = 1, bound: float = float("inf")) -> None: ...

    @staticmethod
    def check(values, context):
        if values["margin"] > 2:
            yield Problem("margin reaches at most 2", "margin", "lower it")
        if context.givens["num_classes"] < 0:
            yield Problem("never")


class ToySum:
    def __init__(self, parts: dict[str, Loss], weights: dict[str, float] | None = None) -> None: ...

    @staticmethod
    def check(values, context):
        for name, part in values["parts"].items():
            if part.parameters.get("margin") == 1.5:
                yield Problem("1.5 is unlucky", f"parts.{name}.margin")


class ToyDistill:
    def __init__(self, teacher: Backbone | None = None, others: list[Backbone] = [],
                 miner: Literal["hard"] | Annotated[Callable, Part("miner")] = "hard",
                 both: tuple[Backbone, Backbone] | None = None, anything=3, base: Loss | float = 1.0,
                 either: Loss | Backbone | None = None) -> None: ...


class ToyMiner:
    def __init__(self, count: int = 3, num_classes: int = 0) -> None: ...


class ToyPairs:
    def __init__(self, path: Path, seed: int) -> None: ...


class ToyEvaluator:
    def __init__(self, pairs: Pairs, rates: list[float] = [0.1]) -> None: ...

    @staticmethod
    def metrics(values):
        return {"accuracy": "max", "error": "min", **{f"tar@far={rate}": "max" for rate in values["rates"]}}


class ToyObserver:
    def __init__(self, run_dir: Path, every: int = 1) -> None: ...


class Ringing:
    def __init__(self, x: int = 1) -> None: ...

    @staticmethod
    def check(values, context):
        raise RuntimeError("ring")


def flip(probability: float = 0.5): ...


class Unresolvable:
    def __init__(self, x: NowhereToBeFound = 1) -> None: ...


NAMES = {
    "backbones": {"toy_net": "ToyNet"},
    "datasets": {"toy_data": "ToyData", "toy_faces": "ToyFaces"},
    "samplers": {"toy_sampler": "ToySampler"},
    "losses": {"toy_loss": "ToyLoss", "toy_sum": "ToySum", "toy_distill": "ToyDistill", "ringing": "Ringing",
               "unresolvable": "Unresolvable", "gone": "Gone"},
    "pairs": {"toy_pairs": "ToyPairs"},
    "evaluators": {"toy_evaluator": "ToyEvaluator"},
    "observers": {"toy_observer": "ToyObserver"},
    "transforms": {"toy_flip": "flip"},
}


def declare(kind):
    return [Component(name, f":{target}", f"toy {name}") for name, target in NAMES[kind].items()]


@hookimpl
def maskrec_backbones(): return declare("backbones")
@hookimpl
def maskrec_datasets(): return declare("datasets")
@hookimpl
def maskrec_samplers(): return declare("samplers")
@hookimpl
def maskrec_losses(): return declare("losses")
@hookimpl
def maskrec_pairs(): return declare("pairs")
@hookimpl
def maskrec_evaluators(): return declare("evaluators")
@hookimpl
def maskrec_observers(): return declare("observers")
@hookimpl
def maskrec_transforms(): return declare("transforms")
@hookimpl
def maskrec_parts(): return [Component("toy_miner", ":ToyMiner", "toy miner", part="miner")]
"""

WHOLE = """\
seed: 3
backbone: {use: toy_net}
data: {use: toy_faces}
sampler: {use: toy_sampler, batch_size: 4}
loss: {use: toy_loss}
transforms:
  flip: {use: toy_flip}
evaluate:
  held_out: {use: toy_evaluator, pairs: {use: toy_pairs, path: pairs.csv}}
optimizer: {use: sgd, lr: 1e-1}
train: {epochs: 2}
"""

Check = Callable[..., Checked]


@pytest.fixture(scope="session")
def toys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin file of small components."""
    file = tmp_path_factory.mktemp("plugin") / "toys.py"
    file.write_text(TOYS)
    return file


@pytest.fixture(scope="session")
def catalog(toys_file: Path) -> Catalog:
    found = discover([toys_file])
    assert not [failure for failure in found.failures if failure.provider.file]
    return found


@pytest.fixture
def check(tmp_path: Path, catalog: Catalog) -> Check:
    """``check(text, *overrides, **options)``: ``recipe.yaml`` checked in a folder with its pairs."""
    (tmp_path / "pairs.csv").touch()

    def run(text: str | bytes, *overrides: str, **options: Any) -> Checked:
        file = tmp_path / "recipe.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        options.setdefault("data_root", tmp_path)
        return check_recipe(file, catalog=catalog, overrides=overrides, **options)

    return run


@pytest.fixture
def whole() -> str:
    """A recipe without errors."""
    return WHOLE


@pytest.fixture
def with_loss() -> Callable[[str], str]:
    """That recipe with another loss: ``with_loss("{use: toy_sum}")``."""
    return lambda loss: WHOLE.replace("{use: toy_loss}", loss)
