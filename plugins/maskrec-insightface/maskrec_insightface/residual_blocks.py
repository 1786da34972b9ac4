"""The residual blocks of IResNet: batch norm before and after each convolution, PReLU inside, none behind the sum."""

from __future__ import annotations

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """What both kinds of blocks share: a shortcut, by the name ``downsample`` where it has weights.

    Args:
        channels: of the input.
        out: of the output.
        stride: of the block.
        projects: whether the shortcut is a 1 x 1 convolution with batch norm, else every ``stride``-th value.
    """

    def __init__(self, channels: int, out: int, stride: int, projects: bool) -> None:
        super().__init__()
        self.stride = stride
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)) if projects else None
        )

    def shortcut(self, maps: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, out, h / stride, w / stride)``."""
        if self.downsample is None:
            return maps[:, :, :: self.stride, :: self.stride] if self.stride > 1 else maps
        projected: Tensor = self.downsample(maps)
        return projected


class BasicBlock(ResidualBlock):
    """Two 3 x 3 convolutions; the second one has the stride."""

    expansion = 1

    def __init__(self, channels: int, out: int, stride: int, projects: bool) -> None:
        super().__init__(channels, out, stride, projects)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.prelu = nn.PReLU(out)
        self.conv2 = nn.Conv2d(out, out, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, out, h / stride, w / stride)``."""
        changed: Tensor = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(maps))))))
        return changed + self.shortcut(maps)


class BottleneckBlock(ResidualBlock):
    """A 3 x 3 convolution of a quarter of the channels between two of 1 x 1; the last one has the stride."""

    expansion = 4

    def __init__(self, channels: int, out: int, stride: int, projects: bool) -> None:
        super().__init__(channels, out, stride, projects)
        narrow = out // self.expansion
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, narrow, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(narrow)
        self.prelu = nn.PReLU(narrow)
        self.conv2 = nn.Conv2d(narrow, narrow, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(narrow)
        self.prelu2 = nn.PReLU(narrow)
        self.conv3 = nn.Conv2d(narrow, out, 1, stride, bias=False)
        self.bn4 = nn.BatchNorm2d(out)

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, out, h / stride, w / stride)``."""
        narrow = self.prelu(self.bn2(self.conv1(self.bn1(maps))))
        changed: Tensor = self.bn4(self.conv3(self.prelu2(self.bn3(self.conv2(narrow)))))
        return changed + self.shortcut(maps)
