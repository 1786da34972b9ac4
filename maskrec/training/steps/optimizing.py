"""The optimizer with its parameter groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.contracts.component_calls import frozen_modules
from maskrec.recipe.plan import Optimizer
from maskrec.recipe.torch_optim import UnknownNameError, optimizer_class


def frozen_tensors(loss: nn.Module) -> set[int]:
    """Identities of the parameters and buffers that the loss declares as frozen."""
    modules = frozen_modules(loss)
    return {id(tensor) for module in modules for tensor in (*module.parameters(), *module.buffers())}


def trained_parameters(loss: nn.Module) -> list[nn.Parameter]:
    """The loss's own parameters without those that it declares as frozen."""
    frozen = frozen_tensors(loss)
    return [weight for weight in loss.parameters() if weight.requires_grad and id(weight) not in frozen]


def parameter_groups(plan: Optimizer, backbone: nn.Module, loss: nn.Module) -> list[dict[str, Any]]:
    """Backbone and loss, each split by whether weight decay acts on it; groups without parameters are left out.

    Vectors (norms' weights, biases) are not decayed unless ``decay_norm_and_bias`` says so, and never what a network
    names in timm's ``no_weight_decay()``, such as the class token and the position embeddings of a transformer.
    """
    sides = {
        "backbone": (backbone, [weight for weight in backbone.parameters() if weight.requires_grad]),
        "loss": (loss, trained_parameters(loss)),
    }
    groups: list[dict[str, Any]] = []
    for side, (module, weights) in sides.items():
        own = dict(plan.groups.get(side, {}))
        spared_ones = _not_decayed(module, plan.decay_norm_and_bias)
        decayed = [weight for weight in weights if id(weight) not in spared_ones]
        spared = [weight for weight in weights if id(weight) in spared_ones]
        if decayed:
            groups.append({"params": decayed, "name": side, **own})
        if spared:
            groups.append({"params": spared, "name": f"{side}, not decayed", **own, "weight_decay": 0.0})
    return groups


def _not_decayed(module: nn.Module, decay_vectors: bool) -> set[int]:
    """Identities of the parameters that timm's helper would not decay."""
    # Here, because timm takes as long to import as torch, and contract checks ask this module for nothing of it.
    from timm.optim import param_groups_weight_decay  # type: ignore[attr-defined]

    groups = param_groups_weight_decay(
        module,
        weight_decay=1.0,  # any but 0: what it is is the optimizer's to say
        weight_decay_exclude_1d=not decay_vectors,
        no_weight_decay_list=set(_no_weight_decay(module)),
    )
    return {id(weight) for group in groups if group["weight_decay"] == 0 for weight in group["params"]}


def _no_weight_decay(module: nn.Module) -> Iterator[str]:
    """What the module and those inside it name in ``no_weight_decay()``, as the module's own names."""
    for path, inner in module.named_modules():
        named = getattr(inner, "no_weight_decay", None)
        for name in named() if callable(named) else ():
            yield f"{path}.{name}" if path else name


def build_optimizer(plan: Optimizer, backbone: nn.Module, loss: nn.Module) -> torch.optim.Optimizer:
    """The optimizer over all trained parameters, fused where torch has such a form and the recipe does not say.

    Fused optimizers make one pass over the weights, and skip a step by a flag that stays on the device.

    Raises:
        UsageError: parameters that the optimizer refuses, or nothing to train.
    """
    groups = parameter_groups(plan, backbone, loss)
    if not groups:
        raise UsageError("nothing to train: neither backbone nor loss has a trainable parameter")
    parameters = {**plan.parameters, **_fused_where_possible(plan, groups)}
    try:
        optimizer: torch.optim.Optimizer = optimizer_class(plan.use)(groups, **parameters)
    except (TypeError, ValueError, UnknownNameError) as error:
        raise UsageError(f"optimizer: {plan.use} refuses its parameters: {error}") from error
    return optimizer


_FUSED = {
    torch.optim.SGD: ("cpu", "cuda"),
    torch.optim.Adam: ("cpu", "cuda"),
    torch.optim.AdamW: ("cpu", "cuda"),
    torch.optim.Adagrad: ("cpu",),
}
"""Optimizers with a fused form, and the devices on which it takes a flag."""
_OTHER_FORMS = ("fused", "foreach", "capturable", "differentiable")


def _fused_where_possible(plan: Optimizer, groups: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """``fused=True`` where the recipe chooses no form itself, and the form that torch would choose gives the same."""
    devices = _FUSED.get(optimizer_class(plan.use), ())  # type: ignore[call-overload]
    said = (plan.parameters, *plan.groups.values())
    chosen = any(each.get(name) for each in said for name in _OTHER_FORMS) or plan.parameters.get("fused") is False
    weights = [weight for group in groups for weight in group["params"]]
    # Fused SGD begins every weight's momentum at once, which only a dampening of 0 leaves without effect.
    dampened = any(each.get("dampening") for each in said)
    fits = all(weight.device.type in devices and _dense_numbers(weight) for weight in weights)
    return {"fused": True} if devices and fits and not chosen and not dampened else {}


def _dense_numbers(weight: Tensor) -> bool:
    """A real number at each place of its memory, in any order of dimensions."""
    order = sorted(range(weight.ndim), key=weight.stride, reverse=True)
    return weight.is_floating_point() and weight.detach().permute(order).is_contiguous()
