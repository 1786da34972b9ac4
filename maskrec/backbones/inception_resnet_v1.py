"""InceptionResnetV1 of facenet-pytorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from maskrec.backbones.pooling import Pooling, make_pooling
from maskrec.backbones.weights import GO_ON, find_file, load_strictly, read_weights, torch_checkpoint_folders
from maskrec.base.errors import UsageError
from maskrec.contracts.alignment_choice import AlignmentChoice
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec, default_size
from maskrec.contracts.problem import Problem, refuse

SMALLEST = 75
_RELEASES = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
_FILES = {"vggface2": "20180402-114759-vggface2.pt", "casia_webface": "20180408-102900-casia-webface.pt"}


class InceptionResnetV1(nn.Module):
    """Inception-ResNet v1 with 512-d embeddings, as in facenet-pytorch (23 million parameters).

    Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", 2016. The
    embedding is the output of the last batch norm, before any L2 normalisation.

    The published weights were trained at 160 pixels on faces cropped by a detector's box with a margin, their values
    scaled to (x - 127.5) / 128; ``input_spec`` says so. From random weights the size defaults to 160 and the
    alignment to ``arcface``.

    Args:
        pretrained: None for random weights; ``vggface2`` or ``casia_webface`` for facenet-pytorch's weights, which
            must already be in torch's cache (nothing is downloaded); or a local file of this model's state_dict
            (safetensors, or torch with tensors only). A classifier in the file (``logits``) is ignored.
        dropout: probability in [0, 1) before the last linear layer.
        pooling: ``avg``, or ``gem`` with a learned p.
        alignment: how faces are placed on the canvas; None is what the weights expect.
        image_size: side of the canvas in pixels, at least 75; None is 160, with a template its height.
        context: while a checkpoint is being opened, pretrained weights are not loaded.

    Raises:
        UsageError: the weights are missing, cannot be read or do not fit.
        ValueError: a parameter out of range.
    """

    embedding_size = 512

    def __init__(
        self,
        pretrained: Literal["vggface2", "casia_webface"] | Path | None = None,
        dropout: float = 0.6,
        pooling: Pooling = "avg",
        alignment: AlignmentChoice | None = None,
        image_size: int | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__()
        from facenet_pytorch import InceptionResnetV1 as Network

        refuse(_problems({"dropout": dropout}, image_size))
        placed = alignment or ("box" if pretrained else "arcface")
        size = image_size or default_size(placed, 160)
        self.input_spec = InputSpec(size, (127.5 / 255,) * 3, (128 / 255,) * 3, alignment=placed)
        refuse(_problems({"dropout": dropout}, min(self.input_spec.canvas)))
        self.network = Network(pretrained=None, classify=False, dropout_prob=dropout)
        if pretrained is not None and not (context and context.restoring):
            path = pretrained if isinstance(pretrained, Path) else _published(pretrained)
            load_strictly(self.network, read_weights(path), path, ignore=("logits.weight", "logits.bias"))
        self.network.avgpool_1a = make_pooling(pooling)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parameters out of range."""
        yield from _problems(values, context.givens.get("image_size"))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images ``(B, 3, H, W)`` to embeddings ``(B, 512)`` before L2."""
        net = self.network
        maps = net.maxpool_3a(net.conv2d_2b(net.conv2d_2a(net.conv2d_1a(images))))
        maps = net.repeat_1(net.conv2d_4b(net.conv2d_4a(net.conv2d_3b(maps))))
        maps = net.repeat_2(net.mixed_6a(maps))
        maps = net.block8(net.repeat_3(net.mixed_7a(maps)))
        embeddings: Tensor = net.last_bn(net.last_linear(net.dropout(net.avgpool_1a(maps))))
        return embeddings

    def blocks(self) -> list[nn.Module]:
        """The parts that the images go through one after another, up to the pooling."""
        net = self.network
        stem = [net.conv2d_1a, net.conv2d_2a, net.conv2d_2b, net.conv2d_3b, net.conv2d_4a, net.conv2d_4b]
        return [*stem, *net.repeat_1, net.mixed_6a, *net.repeat_2, net.mixed_7a, *net.repeat_3, net.block8]


def _published(name: str) -> Path:
    """The cached file of facenet-pytorch's weights.

    Raises:
        UsageError: it is in none of the possible folders.
    """
    file, folders = _FILES[name], torch_checkpoint_folders()
    path = find_file(file, folders)
    if path is None:
        raise UsageError(
            f"the {name} weights {file} are not in {' or '.join(map(str, folders))} (their SHA-256 is not known here), "
            f"and nothing is downloaded automatically; download {_RELEASES}{file} into one of these folders, "
            f"give a local file as pretrained, {GO_ON}"
        )
    return path


def _problems(values: Mapping[str, Any], image_size: int | None) -> Iterator[Problem]:
    if not 0 <= values["dropout"] < 1:
        yield Problem(f"dropout must be a probability in [0, 1), not {values['dropout']}", "dropout")
    if image_size is not None and image_size < SMALLEST:
        yield Problem(f"inception_resnet_v1 needs images of at least {SMALLEST} pixels, not {image_size}", "image_size")
