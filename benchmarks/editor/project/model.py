"""Networks that tell the species of a leaf."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class SqueezeExcite(nn.Module):
    def __init__(self, channels, reduction=8):
        super().__init__()
        self.reduce = nn.Linear(channels, channels // reduction)
        self.expand = nn.Linear(channels // reduction, channels)

    def forward(self, x):
        weights = x.mean(dim=(2, 3))
        weights = F.relu(self.reduce(weights))
        weights = torch.sigmoid(self.expand(weights))
        return x * weights[:, :, None, None]


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride=1, dropout=0.0):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.attention = SqueezeExcite(outputs)
        self.dropout = nn.Dropout2d(dropout)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        out = F.relu(self.norm1(self.conv1(x)))
        out = self.dropout(out)
        out = self.norm2(self.conv2(out))
        out = self.attention(out)
        return F.relu(out + self.shortcut(x))


class AttentionPool(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.query = nn.Parameter(torch.randn(1, 1, channels) * 0.02)
        self.keys = nn.Linear(channels, channels)
        self.values = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x):
        batch, channels, height, width = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        depth = channels // self.heads
        query = self.query.expand(batch, -1, -1).view(batch, 1, self.heads, depth)
        keys = self.keys(tokens).view(batch, height * width, self.heads, depth)
        values = self.values(tokens).view(batch, height * width, self.heads, depth)
        scores = query.transpose(1, 2) @ keys.permute(0, 2, 3, 1) / depth**0.5
        pooled = scores.softmax(dim=-1) @ values.transpose(1, 2)
        pooled = pooled.transpose(1, 2).reshape(batch, channels)
        return self.out(pooled)


class LeafNet(nn.Module):
    def __init__(self, classes, width=64, depth=(2, 2, 2, 2), dropout=0.1):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages = []
        channels = width
        for number, blocks in enumerate(depth):
            outputs = width * 2**number
            for place in range(blocks):
                stride = 2 if number and not place else 1
                stages.append(Block(channels, outputs, stride, dropout))
                channels = outputs
        self.stages = nn.Sequential(*stages)
        self.pool = AttentionPool(channels, 8)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, classes))
        self.apply(self.initialise)

    @staticmethod
    def initialise(module):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)

    def features(self, x):
        return self.pool(self.stages(self.stem(x)))

    def forward(self, x):
        return self.head(self.features(x))


def build_model(classes, width, dropout, weights=None):
    model = LeafNet(classes, width, dropout=dropout)
    if weights is not None:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
    return model
