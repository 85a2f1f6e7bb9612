"""The network: a small MobileNet on a picture of 80 x 80."""

import torch
from torch import nn


class Block(nn.Module):
    """Widened, filtered in place, narrowed (MobileNetV2, arXiv 1801.04381); the input is added where it fits."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        wide = 2 * inputs
        self.adds = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.adds else self.layers(x)


# Channels out, stride.
BLOCKS = [(32, 1), (48, 2), (48, 1), (48, 1), (96, 2), (96, 1), (96, 1), (128, 2), (128, 1)]


class Network(nn.Module):
    """BGR, (x - 127.5) / 127.5, to three logits: printed, real, shown on a screen."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU()]
        channels = 24
        for outputs, stride in BLOCKS:
            layers.append(Block(channels, outputs, stride))
            channels = outputs
        layers += [nn.Conv2d(channels, 192, 1, bias=False), nn.BatchNorm2d(192), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(192, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.dropout(self.features(x).mean(dim=(2, 3))))
