"""The kinds as protocols. Components need not inherit from them; having the methods is enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

    from maskrec.contracts import events
    from maskrec.contracts.evaluation import Embed, Evaluation
    from maskrec.contracts.input_spec import InputSpec
    from maskrec.contracts.sample import Batch, Sample

    class Backbone(nn.Module):
        """Float images ``(B, 3, H, W)``, already normalised, to embeddings ``(B, embedding_size)`` before L2."""

        embedding_size: int
        input_spec: InputSpec

        def __call__(self, images: Tensor) -> Tensor: ...

    class Loss(nn.Module):
        """Embeddings ``(B, d)`` and labels ``(B,)`` to a scalar; see ``contracts.call_loss`` for ``scope``."""

        scope: ClassVar[Literal["global", "sample", "sharded", "parts"]]

        def __call__(self, embeddings: Tensor, labels: Tensor, batch: Batch | None = ...) -> Tensor: ...


class Sampler(Protocol):
    """Global batches of indices; same seed and epoch, same batches.

    An optional method ``diagnostics()`` returns numbers about the epoch that was asked for last; they are logged.
    """

    batch_size: int

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[list[int]]: ...

    def set_epoch(self, epoch: int, /) -> None: ...


class Dataset(Protocol):
    """Map-style; checked when opened. ``identities`` are names by label, or None where unknown.

    An optional attribute ``caveat`` is what must be reported of every model trained on it, as in ``PairSet``; an
    optional ``shards`` gives the number of the file that holds each sample, for samplers that read one file after
    another; an optional ``masked`` says of each sample whether its face wears a mask, so that a recipe that trains on
    bare faces only can be noted. An optional method ``read_into(indices, images)`` puts many samples' images into
    ``images`` (uint8 ``(B, H, W, 3)``, contiguous, of ``image_size``) and returns their ``SampleColumns``, for sets
    that do this faster than sample by sample. An optional method ``read_stored(index)`` returns the bytes from which a
    sample is decoded, so that `maskrec profile` tells reading from decoding.
    """

    labels: Sequence[int]
    num_classes: int
    has_landmarks: bool
    identities: Sequence[str] | None

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


class Draws(Protocol):
    """A transform's random numbers: separate for each sample, the same on every device and for any batching."""

    def uniform(self, name: str, shape: tuple[int, ...] = ()) -> Tensor: ...

    def matrix(self, columns: tuple[tuple[str, int], ...]) -> Tensor: ...

    def integers(self, name: str, low: int, high: int, shape: tuple[int, ...] = ()) -> Tensor: ...

    def normal(self, name: str, shape: tuple[int, ...] = ()) -> Tensor: ...


class Transform(Protocol):
    """Batched, on the batch's device. A class attribute ``needs_landmarks = True`` requires data that has them.

    ``sets_masked = True`` says that it hides faces as a mask does and marks them as ``masked``. An optional method
    ``diagnostics()`` returns numbers, or tensors of one number, about the last batch; they are logged.
    """

    def __call__(self, batch: Batch, draws: Draws, /) -> Batch: ...


class Evaluator(Protocol):
    """``evaluate`` after an epoch on evaluation pairs; ``test`` once, after the best checkpoint is chosen."""

    @staticmethod
    def metrics(values: dict[str, Any], /) -> dict[str, Literal["min", "max"]]: ...

    def evaluate(self, embed: Embed, /) -> Evaluation: ...

    def test(self, embed: Embed, evaluation: Evaluation, /) -> Evaluation | None: ...


class Observer(Protocol):
    """Every method is optional; each may return ``Stop(reason)``."""

    def on_start(self, event: events.Started, /) -> events.Stop | None: ...

    def on_step(self, event: events.Stepped, /) -> events.Stop | None: ...

    def on_epoch(self, event: events.EpochEnded, /) -> events.Stop | None: ...

    def on_evaluate(self, event: events.Evaluated, /) -> events.Stop | None: ...

    def on_end(self, event: events.Ended, /) -> events.Stop | None: ...
