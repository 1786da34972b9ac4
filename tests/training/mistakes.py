"""Components with one mistake each, as plugin authors make them, given with --plugin."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from maskrec import Component, Evaluation, InputSpec, hookimpl
from maskrec.contracts.collectives import rank
from maskrec.contracts.evaluation import Embed
from maskrec.contracts.events import Stepped
from maskrec.contracts.kinds import Pairs
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch, Sample

SIZE = 8


class Nets(nn.Module):
    """A backbone."""

    def __init__(self, wrong: Literal["size", "pair", "rows", "raises", "detached", "rank"] = "size") -> None:
        super().__init__()
        self.wrong, self.embedding_size, self.input_spec = wrong, 4, InputSpec(size=SIZE)
        self.matrix = nn.Linear(3 * SIZE * SIZE, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, images: Tensor) -> Any:
        """What was asked for."""
        embeddings = self.matrix(images.flatten(1))
        answers: dict[str, Any] = {
            "size": embeddings[:, :3],
            "pair": (embeddings, embeddings),
            "rows": embeddings[1:],
            "detached": embeddings.detach(),
        }
        if self.wrong == "raises":
            return embeddings.missing
        if self.wrong == "rank":  # a variance that is infinite on process 1 alone
            self.norm(embeddings.detach() * (1e30 if rank() else 1.0))
            return embeddings
        return answers[self.wrong]


class Losses(nn.Module):
    """A loss."""

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        wrong: Literal[
            "detached",
            "constant",
            "hidden",
            "raises",
            "exits",
            "number",
            "nan",
            "backward",
            "vector",
            "nothing",
            "list",
            "word",
            "eval",
            "unused",
        ] = "detached",
    ) -> None:
        super().__init__()
        self.wrong = wrong
        if wrong == "unused":
            self.unused = nn.Parameter(torch.ones(2))
        self.head = nn.Linear(embedding_size, num_classes)
        self.scales = [nn.Parameter(torch.ones(num_classes, 2))]  # no module's parameter

    def forward(self, embeddings: Tensor, labels: Tensor) -> Any:
        """What was asked for."""
        if self.wrong == "exits":
            sys.exit(0)
        if self.wrong == "raises":
            return embeddings.missing  # type: ignore[attr-defined]
        if self.wrong == "number":
            return 0.5
        if self.wrong == "constant":
            return torch.ones(())
        if self.wrong == "vector":
            return embeddings.square().mean(1)
        if self.wrong == "nothing":  # as a miner that finds nothing does: a zero that keeps the graph
            return embeddings.sum() * 0
        if self.wrong == "eval":
            self.eval()
        if self.wrong == "detached":
            return nn.functional.cross_entropy(self.head(embeddings.detach()), labels)
        value = nn.functional.cross_entropy(self.head(embeddings), labels)
        if self.wrong == "backward":
            return Refuse.apply(value)
        return value * {"hidden": self.scales[0].mean(), "nan": float("nan")}.get(self.wrong, 1.0)

    def diagnostics(self) -> Any:
        """What was asked for."""
        return {"list": [1.0], "word": {"active": "some"}}.get(self.wrong, {})


class TooMany(Losses):
    """A ``forward`` with a parameter that nobody gives."""

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__(embedding_size, num_classes)

    def forward(self, embeddings: Tensor, labels: Tensor, weights: Tensor) -> Any:  # type: ignore[override]
        """Never comes so far."""
        return embeddings.sum() * weights.sum()


class Refuse(torch.autograd.Function):
    """The identity, with a backward pass that raises."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        """The value."""
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Raises."""
        raise KeyError("gradient")


class NClasses(Losses):
    """A given misspelt."""

    def __init__(self, embedding_size: int, n_classes: int) -> None:
        super().__init__(embedding_size, n_classes)


class Sets:
    """A data set: six people of four pictures of noise."""

    has_landmarks = False
    num_classes = 6

    def __init__(
        self,
        wrong: Literal[
            "float",
            "ones",
            "small",
            "label",
            "labels",
            "none",
            "raises",
            "exits",
            "members",
            "landmarks",
            "few",
            "names",
            "numbers",
            "masked",
            "unit",
            "outside",
            "empty",
            "late",
            "gaps",
        ] = "float",
    ) -> None:
        self.wrong = wrong
        self.labels = [index // 4 for index in range(24)]
        if wrong != "members":
            self.identities = [str(person) for person in range(6)]
        if wrong == "labels":
            self.labels[7] = 6
        if wrong == "empty":
            self.labels = []
        if wrong == "gaps":
            self.num_classes, self.identities = 9, [str(person) for person in range(9)]
        if wrong == "few":
            del self.labels[7]
        if wrong == "names":
            del self.identities[5]
        if wrong == "numbers":
            self.identities = list(range(6))  # type: ignore[arg-type]
        if wrong == "masked":
            self.masked = [False] * 23
        if wrong in ("landmarks", "unit", "outside"):
            self.has_landmarks = True

    def __len__(self) -> int:
        return 0 if self.wrong == "empty" else 24

    def __getitem__(self, index: int) -> Sample:
        """What was asked for."""
        noise = np.random.default_rng(index).integers(0, 256, (3, SIZE, SIZE), np.uint8)
        sample = Sample(torch.from_numpy(noise), index // 4, None, False, str(index))
        if self.wrong in ("unit", "outside"):
            sample.landmarks = torch.rand(5, 2) + (0 if self.wrong == "unit" else 2 * SIZE)
        if self.wrong == "raises":
            return {}["photo"]  # type: ignore[index, no-any-return]
        if self.wrong == "exits":
            sys.exit(0)
        if self.wrong == "none":
            return None  # type: ignore[return-value]
        if self.wrong == "label":
            sample.label = (sample.label + 1) % 6
        if self.wrong == "late" and index == 17:
            sample.label = 99
        images = {
            "float": sample.image / 255,
            "ones": (sample.image / 255).byte(),
            "small": sample.image[:, 1:, 1:],
        }
        return replace(sample, image=images.get(self.wrong, sample.image))


class Samplers:
    """A sampler."""

    batch_size = 8

    def __init__(
        self,
        labels: Sequence[int],
        wrong: Literal[
            "unseeded",
            "raises",
            "beyond",
            "negative",
            "short",
            "endless",
            "empty",
            "rank",
            "one",
            "two",
            "floats",
            "words",
            "single",
            "tensors",
            "arrays",
            "once",
            "small",
            "alone",
            "alike",
        ] = "unseeded",
    ) -> None:
        self.count, self.wrong = len(labels), wrong
        self.kept = self._batches()

    def __len__(self) -> int:
        return 3

    def set_epoch(self, epoch: int) -> None:
        """Not saved."""

    def __iter__(self) -> Iterator[list[int]]:
        return self.kept if self.wrong == "once" else self._batches()

    def _batches(self) -> Iterator[list[int]]:
        order = list(range(self.count))
        if self.wrong == "unseeded":
            order = torch.randperm(self.count).tolist()
        if self.wrong == "raises":
            order = order.missing  # type: ignore[attr-defined]
        if self.wrong in ("beyond", "negative"):
            order[3] = self.count if self.wrong == "beyond" else -1
        if self.wrong == "rank":
            order = order[rank() :] + order[: rank()]
        end = 16 + {"one": 1, "two": 2}.get(self.wrong, 8)
        batches: list[Any] = [order[:8], order[8:16], order[16:end]]
        if self.wrong == "small":
            batches[1] = [5]
        if self.wrong == "alone":
            batches[1] = [5] * 8
        if self.wrong == "alike":
            batches = [order[:8], order[7::-1], order[:8]]
        if self.wrong == "single":
            batches[1] = 5
        changed = {"floats": float, "words": str, "tensors": torch.tensor}.get(self.wrong)
        if changed is not None:
            batches[1] = [changed(index) for index in batches[1]]
        if self.wrong == "arrays":
            batches = [np.array(batch) for batch in batches]
        if self.wrong == "short":
            del batches[0]
        if self.wrong == "empty":
            batches[1] = []
        while True:
            yield from batches
            if self.wrong != "endless":
                return


class NoEpochs:
    """A sampler without ``set_epoch`` and ``batch_size``."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[list[int]]:
        yield from ([0, 1], [2, 3], [4, 5])


class Transforms:
    """A transform."""

    def __init__(self, wrong: Literal["bytes", "clean", "labels", "raises", "none"] = "bytes") -> None:
        self.wrong = wrong

    def __call__(self, batch: Batch, draws: Draws) -> Any:
        """What was asked for."""
        if self.wrong == "raises":
            return batch.missing  # type: ignore[attr-defined]
        changed = {
            "bytes": {"images": batch.images * 255},
            "clean": {"clean": batch.clean / 255},
            "labels": {"labels": batch.labels[1:]},
        }
        return replace(batch, **changed[self.wrong]) if self.wrong in changed else None


class Evaluators:
    """An evaluator."""

    def __init__(
        self,
        pairs: Pairs,
        wrong: Literal[
            "raises",
            "test",
            "dict",
            "exits",
            "photos",
            "nan",
            "undeclared",
            "unreported",
            "in_place",
            "no_grad",
            "double",
            "eval_mode",
        ] = "raises",
    ) -> None:
        self.pairs, self.wrong = pairs, wrong

    @staticmethod
    def metrics(values: dict[str, Any]) -> dict[str, Literal["min", "max"]]:
        """One metric."""
        return {"score": "max"}

    def evaluate(self, embed: Embed) -> Any:
        """What was asked for."""
        if self.wrong == "raises":
            return embed.missing  # type: ignore[attr-defined]
        if self.wrong == "exits":
            sys.exit(0)
        rows = embed(self.pairs.images if self.wrong == "photos" else self.pairs)  # type: ignore[arg-type]
        if self.wrong == "in_place":
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        if self.wrong == "eval_mode":
            embed.embedder.model.network.eval()  # type: ignore[attr-defined]
        if self.wrong == "no_grad":
            torch.set_grad_enabled(False)
        if self.wrong == "double":
            torch.set_default_dtype(torch.float64)
        score = float("nan") if self.wrong == "nan" else float(rows.std())
        if self.wrong == "unreported":
            return Evaluation({})
        if self.wrong == "dict":
            return {"score": score}
        return Evaluation({"spread" if self.wrong == "undeclared" else "score": score})

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation:
        """What was asked for."""
        if self.wrong == "test":
            raise KeyError("threshold")
        return evaluation


class Unannotated:
    """An evaluator whose pairs have no annotation, so that they stay what the recipe says."""

    def __init__(self, pairs) -> None:  # type: ignore[no-untyped-def]
        self.pairs = pairs

    @staticmethod
    def metrics(values: dict[str, Any]) -> dict[str, Literal["min", "max"]]:
        """One metric."""
        return {"score": "max"}

    def evaluate(self, embed: Embed) -> Evaluation:
        """A score."""
        return Evaluation({"score": float(embed(self.pairs).std())})

    def test(self, evaluation: Evaluation) -> Evaluation:
        """It forgot ``embed``."""
        return evaluation


class NoEmbed(Unannotated):
    """An evaluator that leaves out the parameter of ``test``."""

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)


class NoTest:
    """An evaluator that forgot its ``test``."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs

    @staticmethod
    def metrics(values: dict[str, Any]) -> dict[str, Literal["min", "max"]]:
        """One metric."""
        return {"score": "max"}

    def evaluate(self, embed: Embed) -> Evaluation:
        """A score."""
        return Evaluation({"score": 1.0})


class Late(NoTest):
    """An evaluator that fails after the epoch, as long as a file of this name is there."""

    def __init__(self, run_dir: Path, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.run_dir = run_dir

    def evaluate(self, embed: Embed) -> Evaluation:
        """The embeddings' standard deviation."""
        if (self.run_dir / "checkpoints" / "last.safetensors").exists() and (self.run_dir.parent / "broken").exists():
            raise KeyError("broken")
        return Evaluation({"score": float(embed(self.pairs).std())})

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation:
        """The same."""
        return self.evaluate(embed)


class Observers:
    """An observer that ends the program, and whose second method no event calls."""

    def on_step(self, event: Stepped) -> None:
        """Exits."""
        sys.exit(0)

    def on_evaluation(self, event: object) -> None:
        """Never called."""


class Stateful:
    """An observer whose ``state_dict`` raises."""

    def state_dict(self) -> dict[str, int]:
        """Raises."""
        raise KeyError("state")

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Takes anything."""


@hookimpl
def maskrec_backbones() -> Iterator[Component]:
    yield Component("nets", ":Nets", "a backbone with a mistake")


@hookimpl
def maskrec_losses() -> Iterator[Component]:
    yield Component("losses", ":Losses", "a loss with a mistake")
    yield Component("too_many", ":TooMany", "a parameter that nobody gives")
    yield Component("n_classes", ":NClasses", "a given misspelt")


@hookimpl
def maskrec_datasets() -> Iterator[Component]:
    yield Component("sets", ":Sets", "a data set with a mistake")


@hookimpl
def maskrec_samplers() -> Iterator[Component]:
    yield Component("samplers", ":Samplers", "a sampler with a mistake")
    yield Component("no_epochs", ":NoEpochs", "a sampler without set_epoch")


@hookimpl
def maskrec_transforms() -> Iterator[Component]:
    yield Component("transforms", ":Transforms", "a transform with a mistake")


@hookimpl
def maskrec_evaluators() -> Iterator[Component]:
    yield Component("evaluators", ":Evaluators", "an evaluator with a mistake")
    yield Component("unannotated", ":Unannotated", "pairs without an annotation")
    yield Component("no_embed", ":NoEmbed", "a test without embed")
    yield Component("no_test", ":NoTest", "an evaluator without test")
    yield Component("late", ":Late", "an evaluator that fails late")


@hookimpl
def maskrec_observers() -> Iterator[Component]:
    yield Component("observers", ":Observers", "an observer with mistakes")
    yield Component("stateful", ":Stateful", "an observer without state")
