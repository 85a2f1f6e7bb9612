"""The network: small enough to run in a few milliseconds on one core."""

import torch
from torch import nn


def convolution(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    """Two plain convolutions beside a shortcut (arXiv 1512.03385)."""

    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.layers = nn.Sequential(*convolution(channels, inner), nn.ReLU(), *convolution(inner, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.layers(x))


class Network(nn.Module):
    """Maps BGR, (x - 127.5) / 127.5, 80 x 80, to three logits: printed, real, shown on a screen.

    It uses plain convolutions instead of depthwise ones, since a CPU runs them more efficiently per multiply-add.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *convolution(3, 16, 2), nn.ReLU(),
            *convolution(16, 32, 2), nn.ReLU(), Residual(32, 32),
            *convolution(32, 64, 2), nn.ReLU(), Residual(64, 64), Residual(64, 64),
            *convolution(64, 128, 2), nn.ReLU(), Residual(128, 96), Residual(128, 96),
        )  # fmt: skip
        # Each of the 5 x 5 positions has its own weight: the border means something else than the face.
        self.places = nn.Sequential(nn.Conv2d(128, 128, 5, groups=128, bias=False), nn.BatchNorm2d(128))
        self.classifier = nn.Linear(128, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.places(self.features(x)).flatten(1))


def multiply_adds(network: Network) -> int:
    """Returns the number of multiply-adds for one picture, in convolutions and the last layer."""
    total, hooks = 0, []

    def count(layer: nn.Module, _inputs: tuple, output: torch.Tensor) -> None:
        nonlocal total
        places = output[0, 0].numel() if output.dim() == 4 else 1
        total += layer.weight.numel() * places

    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            hooks.append(layer.register_forward_hook(count))
    with torch.no_grad():
        network(torch.zeros(1, 3, 80, 80))
    for hook in hooks:
        hook.remove()
    return total
