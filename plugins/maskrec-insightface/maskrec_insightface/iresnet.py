"""IResNet, in the two forms in which weights are published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from maskrec.contracts.alignment_choice import AlignmentChoice
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec, default_size
from maskrec.contracts.problem import Problem, refuse
from maskrec_insightface.residual_blocks import BasicBlock, BottleneckBlock
from maskrec_insightface.weight_names import load_published

Form = Literal["insightface", "adaface"]
Depth = Literal[18, 34, 50, 100, 200]

SIZE = 112
SMALLEST = 16  # four strides of 2 leave one place
STAGES = (64, 128, 256, 512)
BLOCKS: Mapping[tuple[Form, int], tuple[int, int, int, int]] = {
    ("insightface", 18): (2, 2, 2, 2),
    ("insightface", 34): (3, 4, 6, 3),
    ("insightface", 50): (3, 4, 14, 3),
    ("insightface", 100): (3, 13, 30, 3),
    ("insightface", 200): (6, 26, 60, 6),
    ("adaface", 18): (2, 2, 2, 2),
    ("adaface", 34): (3, 4, 6, 3),
    ("adaface", 50): (3, 4, 14, 3),
    ("adaface", 100): (3, 13, 30, 3),
    ("adaface", 200): (3, 24, 36, 3),  # of bottlenecks
}
"""Blocks a stage, by form and depth."""


class IResNet(nn.Module):
    """The residual network of face recognition: IResNet 18, 34, 50, 100 or 200, with 512-d embeddings.

    Duta et al., "Improved Residual Networks for Image and Video Recognition", ICPR 2020, as Deng et al., "ArcFace",
    CVPR 2019, have it: a first convolution without stride, four stages of stride 2, and all places of the last map
    through one linear layer. The embedding is the output of the last batch norm, before any L2 normalisation.

    Published weights come in two forms, which are different networks. ``insightface``: r18 to r200 of InsightFace, and
    CVLface's ``iresnet_insightface``; every stage begins with a projection, and depth 200 has 98 basic blocks.
    ``adaface``: IR_18 to IR_200 of AdaFace and CVLface (their IR_101 is depth 100); the first stage begins without a
    projection, the last batch norm has no scale and bias, and depth 200 has 66 bottlenecks. Files with the names of any
    of the three are read; in this network's own state_dict the names are InsightFace's.

    Args:
        depth: 18, 34, 50, 100 or 200.
        weights: a state_dict as safetensors, or as a torch file with tensors only; None starts from random weights.
        form: ``insightface`` or ``adaface``, which must be the form of the weights.
        embedding_size: of the last linear layer.
        dropout: probability in [0, 1) before the last linear layer (InsightFace: 0, AdaFace: 0.4).
        color: channel order that the weights expect: ``rgb`` (InsightFace, CVLface's own), ``bgr`` (AdaFace).
        alignment: how faces are placed on the canvas; weights of all three expect ``arcface``.
        image_size: side of the canvas in pixels, at least 16; None is 112, the only one that published weights fit,
            with a template its height.
        context: while a checkpoint is being opened, the weights are not loaded.

    Raises:
        UsageError: the weights cannot be read or do not fit.
        ValueError: a parameter out of range.
    """

    def __init__(
        self,
        depth: Depth = 50,
        weights: Path | None = None,
        form: Form = "insightface",
        embedding_size: int = 512,
        dropout: float = 0.0,
        color: Literal["rgb", "bgr"] = "rgb",
        alignment: AlignmentChoice = "arcface",
        image_size: int | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__()
        values = {"depth": depth, "form": form, "embedding_size": embedding_size, "dropout": dropout}
        refuse(_problems(values, image_size))
        self.input_spec = InputSpec(image_size or default_size(alignment, SIZE), color=color, alignment=alignment)
        self.embedding_size, self.form = embedding_size, form
        self.conv1 = nn.Conv2d(3, STAGES[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STAGES[0])
        self.prelu = nn.PReLU(STAGES[0])
        channels = STAGES[0]
        for stage, count in enumerate(BLOCKS[form, depth]):
            blocks = list(_stage(channels, stage, count, depth, form))
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            channels = STAGES[stage] * blocks[-1].expansion
        self.bn2 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)
        height, width = (_halved(side, len(STAGES)) for side in self.input_spec.canvas)
        self.fc = nn.Linear(channels * height * width, embedding_size)
        self.features = nn.BatchNorm1d(embedding_size, affine=form == "insightface")
        self._start()
        if weights is not None and not (context and context.restoring):
            load_published(self, weights)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range."""
        yield from _problems(values, context.givens.get("image_size"))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images ``(B, 3, H, W)`` of the canvas to embeddings ``(B, embedding_size)`` before L2."""
        maps = self.prelu(self.bn1(self.conv1(images)))
        for block in self.blocks():
            maps = block(maps)
        embeddings: Tensor = self.features(self.fc(self.dropout(self.bn2(maps).flatten(1))))
        return embeddings

    def blocks(self) -> list[nn.Module]:
        """The residual blocks, in order."""
        return [block for stage in range(len(STAGES)) for block in getattr(self, f"layer{stage + 1}")]

    def _start(self) -> None:
        """Random weights as the authors start from; a scale behind a linear layer would be one parameter too many."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and self.form == "insightface":
                nn.init.normal_(module.weight, 0, 0.1)
            elif isinstance(module, (nn.Conv2d, nn.Linear)) and self.form == "adaface":
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if self.features.affine:
            self.features.weight.requires_grad_(False)


def _stage(channels: int, stage: int, count: int, depth: int, form: Form) -> Iterator[BasicBlock | BottleneckBlock]:
    kind = BottleneckBlock if form == "adaface" and depth > 100 else BasicBlock
    out = STAGES[stage] * kind.expansion
    for number in range(count):
        first = number == 0
        projects = first and (form == "insightface" or channels != out)
        yield kind(channels, out, 2 if first else 1, projects)
        channels = out


def _halved(side: int, times: int) -> int:
    """A side after convolutions of stride 2 with a border."""
    for _ in range(times):
        side = (side + 1) // 2
    return side


def _problems(values: Mapping[str, Any], image_size: int | None) -> Iterator[Problem]:
    if values["embedding_size"] < 1:
        yield Problem(f"embedding_size must be at least 1, not {values['embedding_size']}", "embedding_size")
    if not 0 <= values["dropout"] < 1:
        yield Problem(f"dropout must be a probability in [0, 1), not {values['dropout']}", "dropout")
    if (values["form"], values["depth"]) not in BLOCKS:
        depths = ", ".join(str(depth) for form, depth in BLOCKS if form == "insightface")
        yield Problem(
            f"an IResNet {values['depth']} of form {values['form']} is not known; depths are {depths}", "depth"
        )
    if image_size is not None and image_size < SMALLEST:
        yield Problem(f"iresnet needs images of at least {SMALLEST} pixels, not {image_size}", "image_size")
