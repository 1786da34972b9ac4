"""What losses over class centres share: head, criterion, class weights, the mean and the diagnostics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from maskrec.contracts.component_calls import diagnostics
from maskrec.contracts.component_names import name_of
from maskrec.contracts.margin import Criterion, Head, ScaledMargin, one_a_sample, two_a_sample
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.sample import Batch
from maskrec.losses.class_weights import ClassWeighting, WeightsNorm, class_weights, empty_class_sentence
from maskrec.losses.criteria import mean_over_samples
from maskrec.losses.inputs import check_embeddings, check_label_range, full_precision

BETA = 0.999


class ClassifierLoss(nn.Module):
    """``criterion(logsumexp - target)`` of what a head returns, weighted by class, as a mean over samples.

    Without a margin, the head compares plain products; subclasses give it one.

    Args:
        head: a new one; its parameters become this loss's and are saved under their names in the head. Whatever its
            scope is, the loss is a mean over this process's samples.
        criterion: from ``(B,)`` entropies to ``(B,)`` losses.
        class_counts: training images of each class.
        weighting: ``none``, ``log`` or ``effective_number``.
        beta: of ``effective_number``.
        norm: ``global``: the mean over samples of ``weight * loss``. ``batch``: this divided by the mean weight of the
            global batch, ``sum(weight * loss) / sum(weight)``.

    Raises:
        ValueError: an option out of range.
    """

    scope: ClassVar[Literal["sample"]] = "sample"
    class_weights: Tensor | None

    def __init__(
        self,
        head: Head,
        criterion: Criterion,
        class_counts: Sequence[int],
        weighting: ClassWeighting,
        beta: float,
        norm: WeightsNorm = "global",
    ) -> None:
        super().__init__()
        said = {"class_weights": weighting, "beta": beta, "class_weights_norm": norm}
        refuse(weighting_problems(said, class_counts))
        if len(class_counts) != head.num_classes:
            raise ValueError(f"class_counts has {len(class_counts)} entries for {head.num_classes} classes")
        if head.scope not in ("sample", "sharded"):
            raise ValueError(f"the scope of {name_of(head)} is {head.scope!r}; a head's must be 'sample' or 'sharded'")
        self.head, self.criterion, self.norm = head, criterion, norm
        # Not in the checkpoint: they follow from the data, and the recipe may change them between runs.
        self.register_buffer("class_weights", class_weights(weighting, class_counts, beta), persistent=False)
        self.register_state_dict_post_hook(_save_head_as_own)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_load_own_as_head)  # type: ignore[no-untyped-call]

    def forward(self, embeddings: Tensor, labels: Tensor, batch: Batch | None = None) -> Tensor:
        """The mean over samples, a scalar in float32 (float64 for float64 embeddings).

        Args:
            embeddings: ``(B, embedding_size)``, before normalisation.
            labels: int64 ``(B,)`` in [0, num_classes).
            batch: for margins that draw: the samples' place in the run.

        Raises:
            UsageError: shapes or (on the CPU) labels that do not fit.
            PluginError: a part that does not return one number a sample.
        """
        check_embeddings(embeddings, labels, self.head.embedding_size)
        check_label_range(labels, self.head.num_classes)
        with full_precision(embeddings) as rows:
            labels = labels.long()
            margin = self.margin_for(rows, labels, batch)
            target, logsumexp = two_a_sample(self.head(rows, labels, margin), labels, self.head)
            logsumexp = logsumexp if margin is None else margin.weigh_others(logsumexp)
            losses = one_a_sample(self.criterion(entropy(target, logsumexp)), labels, self.criterion)
            loss = mean_over_samples(losses, labels, self.class_weights, self.norm)
            penalty = None if margin is None else margin.penalty()
            return loss if penalty is None else loss + mean_over_samples(penalty, labels, None)

    def margin_for(self, embeddings: Tensor, labels: Tensor, batch: Batch | None) -> ScaledMargin | None:
        """The margin for these samples; None, as here, for plain products."""
        return None

    def diagnostics(self) -> dict[str, float | Tensor]:
        """Of the last forward: the head's ``accuracy`` and ``true_class_score``."""
        return diagnostics(self.head)


def entropy(target: Tensor, logsumexp: Tensor) -> Tensor:
    """``(B,)`` cross entropies of what a head returned, none below 0.

    Where p is 1, a head that sums in blocks can round the logsumexp below the target, and focal's power of a negative
    number would be no number. What is below 0 is taken off as a constant, so that gradients stay what they are.
    """
    difference = logsumexp - target
    return difference - difference.detach().clamp(max=0)


def weighting_problems(values: Mapping[str, Any], counts: Sequence[int] | None) -> Iterator[Problem]:
    """What is wrong with ``class_weights``, ``beta`` and ``class_weights_norm``."""
    beta, weighting = values["beta"], values["class_weights"]
    if not 0 <= beta < 1:
        yield Problem(f"beta must be in [0, 1), not {beta}", "beta")
    elif weighting != "effective_number" and beta != BETA:
        message = f"beta: {beta} has no effect with class_weights: {weighting}"
        yield Problem(message, "beta", "set class_weights: effective_number or leave beta out")
    norm = values.get("class_weights_norm", "global")
    if weighting == "none" and norm != "global":
        message = f"class_weights_norm: {norm} has no effect with class_weights: none"
        yield Problem(message, "class_weights_norm", "set class_weights: log or leave class_weights_norm out")
    if weighting != "none" and counts is not None and (sentence := empty_class_sentence(counts)):
        yield Problem(sentence, "class_weights")


_HEAD = "head."


def _save_head_as_own(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    """``weight`` and not ``head.weight``: a checkpoint does not depend on which head computed it."""
    for name in [name for name in state if name.startswith(prefix + _HEAD)]:
        state[prefix + name.removeprefix(prefix + _HEAD)] = state.pop(name)


def _load_own_as_head(module: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    """The other way round."""
    for name in module.head.state_dict():  # type: ignore[union-attr]
        if prefix + name in state:
            state[prefix + _HEAD + name] = state.pop(prefix + name)
