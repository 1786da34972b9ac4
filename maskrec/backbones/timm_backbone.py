"""Any timm model as a backbone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskrec.backbones.pooling import GeM, Pooling
from maskrec.backbones.timm_weights import cached_weights, load_trunk
from maskrec.base.errors import UsageError
from maskrec.base.words import nearest, typed_line
from maskrec.contracts.alignment_choice import AlignmentChoice
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec, canvas_shape, default_size
from maskrec.contracts.problem import Problem, refuse


class TimmBackbone(nn.Module):
    """A timm model without its classifier, then dropout, then a neck.

    Args:
        model: timm's name, with or without the tag of its weights: ``resnet50``, ``efficientnet_b3.ra2_in1k``.
        pretrained: false for random weights; true for timm's own, which must already be in the cache
            (nothing is downloaded); or a local file of them (safetensors, or torch with tensors only).
        pooling: ``avg`` is the model's own pooling (the average in convolutional networks, average or class token
            in transformers); ``gem`` a generalised mean with learned p, for models with feature maps.
        neck: ``linear_bn`` maps the features to ``embedding_size`` by a linear layer and batch norm (eps 1e-3);
            ``none`` returns the features unchanged.
        embedding_size: with ``linear_bn``; must be None with ``none``.
        dropout: probability in [0, 1) before the neck.
        alignment: how faces are placed on the canvas; ``input_spec`` contains it, with the model's own statistics.
        image_size: side of the canvas in pixels; None is the model's own, with a template its height.
        context: while a checkpoint is being opened, pretrained weights are not loaded.

    Raises:
        UsageError: the weights are missing or do not fit, or the model does not support the image size.
        ValueError: an unknown model or a parameter out of range.
    """

    def __init__(
        self,
        model: str,
        pretrained: bool | Path = False,
        pooling: Pooling = "avg",
        neck: Literal["linear_bn", "none"] = "linear_bn",
        embedding_size: int | None = 512,
        dropout: float = 0.0,
        alignment: AlignmentChoice = "arcface",
        image_size: int | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__()
        refuse(_problems({"model": model, "neck": neck, "embedding_size": embedding_size, "dropout": dropout}))
        asked = image_size or default_size(alignment, 0)
        self.trunk = _create(model, pooling, canvas_shape(asked, alignment) if asked else None)
        settings = self.trunk.pretrained_cfg
        size = asked or int(settings["input_size"][-1])
        self.input_spec = InputSpec(size, tuple(settings["mean"]), tuple(settings["std"]), "rgb", alignment)
        if pretrained is not False and not (context and context.restoring):
            path = pretrained if isinstance(pretrained, Path) else cached_weights(model, settings)
            load_trunk(self.trunk, path)
        features = _features(self.trunk, model, pooling, self.input_spec.canvas)
        self.pooling = GeM() if pooling == "gem" else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.embedding_size = embedding_size or features
        self.neck = _linear_bn(features, self.embedding_size) if neck == "linear_bn" else nn.Identity()

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Report an unknown model and parameters out of range."""
        yield from _problems(values)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images ``(B, 3, H, W)`` to embeddings ``(B, embedding_size)`` before L2."""
        embeddings: Tensor = self.neck(self.dropout(self.pooling(self.trunk(images))))
        return embeddings


def se_resnext101(
    pretrained: bool | Path = False,
    pooling: Pooling = "gem",
    embedding_size: int = 512,
    dropout: float = 0.4,
    alignment: AlignmentChoice = "arcface",
    image_size: int | None = None,
    context: Context | None = None,
) -> TimmBackbone:
    """SE-ResNeXt-101 (32x4d) with GeM pooling and a linear + batch norm neck: reference model 3.

    Hu, Shen and Sun, "Squeeze-and-Excitation Networks", 2018, in the ResNeXt form of Xie et al., 2017; 49 million
    parameters. It is ``timm`` with ``model: seresnext101_32x4d``.

    Args:
        pretrained: false for random weights, as the reference has it; see ``timm``.
        pooling: ``gem`` with learned p, or ``avg``.
        embedding_size: of the neck.
        dropout: probability in [0, 1) before the neck.
        alignment: how faces are placed on the canvas.
        image_size: side of the canvas in pixels; None is the model's own (224), with a template its height.
        context: as for ``timm``.

    Raises:
        UsageError, ValueError: as ``timm``.
    """
    return TimmBackbone(
        "seresnext101_32x4d", pretrained, pooling, "linear_bn", embedding_size, dropout, alignment, image_size, context
    )


def _linear_bn(features: int, size: int) -> nn.Module:
    # The batch norm would cancel the bias.
    return nn.Sequential(nn.Linear(features, size, bias=False), nn.BatchNorm1d(size, eps=1e-3))


def _create(model: str, pooling: Pooling, canvas: tuple[int, int] | None) -> Any:
    """The plain timm model; the canvas is passed only to models that are built for a fixed size."""
    import timm

    options: dict[str, Any] = {"num_classes": 0}
    if pooling == "gem":
        options["global_pool"] = ""
    if canvas and _settings(model)["fixed_input_size"]:
        options["img_size"] = canvas if canvas[0] != canvas[1] else canvas[0]
    try:
        return timm.create_model(model, pretrained=False, **options)
    except Exception as error:  # a model may raise anything for a size: ZeroDivisionError, IndexError
        raise UsageError(
            f"timm cannot build {model} with pooling {pooling} at image_size {_sides(canvas)}: {typed_line(error)}; "
            f"{_other_sizes(model, canvas)}, or choose pooling: avg or another model"
        ) from error


@torch.no_grad()
def _features(trunk: nn.Module, model: str, pooling: Pooling, canvas: tuple[int, int]) -> int:
    """The number of features of the trunk, found by running one image of that canvas.

    Raises:
        UsageError: the trunk does not support the size, or GeM gets no feature maps ``(B, C, H, W)``.
    """
    training = trunk.training
    try:
        shape = tuple(trunk.eval()(torch.zeros(1, 3, *canvas)).shape)
    except Exception as error:  # a model may raise anything for a size, such as an IndexError
        raise UsageError(
            f"{model} does not support images of {_sides(canvas)} pixels: {typed_line(error)}; "
            f"{_other_sizes(model, canvas)}"
        ) from error
    finally:
        trunk.train(training)
    if pooling == "gem" and (len(shape) != 4 or shape[1] != getattr(trunk, "head_hidden_size", trunk.num_features)):
        raise UsageError(
            f"pooling: gem needs feature maps (B, C, H, W), but {model} gives {shape}; choose pooling: avg"
        )
    return int(shape[1])


@torch.no_grad()
def _other_sizes(model: str, canvas: tuple[int, int] | None) -> str:
    """What to do about a size that a model does not take: sizes near it that it takes, found by trying them."""
    own = int(_settings(model).get("input_size", (3, 224, 224))[-1])
    size = canvas[0] if canvas and canvas[0] == canvas[1] else None
    if size is None or size == own:
        return "choose another image_size"
    found = [each for each in sorted({size // 32 * 32 + 32, own}) if _takes(model, each)]
    return f"set image_size to {' or '.join(map(str, found))}, which it takes" if found else "remove image_size"


def _sides(canvas: tuple[int, int] | None) -> str:
    if canvas is None:
        return "its own"
    return str(canvas[0]) if canvas[0] == canvas[1] else f"{canvas[0]} x {canvas[1]}"


def _takes(model: str, size: int) -> bool:
    """Whether the model processes an image of that size."""
    import timm

    options: dict[str, Any] = {"img_size": size} if _settings(model)["fixed_input_size"] else {}
    try:
        timm.create_model(model, pretrained=False, num_classes=0, **options).eval()(torch.zeros(1, 3, size, size))
    except Exception:  # whatever it raises, it does not take the size
        return False
    return True


def _settings(model: str) -> dict[str, Any]:
    """timm's ``pretrained_cfg`` of a model that it knows."""
    import timm

    settings = timm.get_pretrained_cfg(model)
    return asdict(settings) if settings else {"fixed_input_size": False}


def _known(model: str) -> list[str]:
    """timm's names to look ``model`` up in: with tags if it has one."""
    import timm

    names: list[str] = timm.list_models()
    return names + timm.list_pretrained() if "." in model else names


def _problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    model, neck, size = values["model"], values["neck"], values["embedding_size"]
    known = _known(model)
    if model not in known:
        close = nearest(model, known, 3)
        hint = f"did you mean {', '.join(close)}?" if close else "timm.list_models() lists all"
        yield Problem(f"timm has no model {model!r}", "model", hint)
    if neck == "none" and size is not None:
        yield Problem(
            f"embedding_size: {size} has no effect with neck: none",
            "embedding_size",
            "set it to null, or neck: linear_bn",
        )
    elif neck == "linear_bn" and (size is None or size < 1):
        yield Problem(f"neck: linear_bn needs an embedding_size of at least 1, not {size}", "embedding_size")
    if not 0 <= values["dropout"] < 1:
        yield Problem(f"dropout must be a probability in [0, 1), not {values['dropout']}", "dropout")
