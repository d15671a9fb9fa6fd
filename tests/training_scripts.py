"""Small training scripts with known findings."""

UNSEEDED = """import torch
from torch import nn

x = torch.randn(4, 8)
model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(10):
    optimizer.zero_grad()
    model(x).mean().backward()
    optimizer.step()
"""
"""NN101, a warning, on row 5."""

SEEDED = UNSEEDED.replace("\nx =", "\ntorch.manual_seed(0)\nx =")
"""Nothing."""

MIXED = """from torch import nn


class Encoder(nn.Module):
    def forward(self, x):
        B, T, C = x.shape
        return x.view(T, B, C)
"""
"""NN301, an error, on row 7."""

DECAY = """import torch


def schedule(optimizer):
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=30)
"""
"""NN601, advice, on row 5."""

HEAD = """from torch import nn


class Head(nn.Module):
    def forward(self, x):
        return x.softmax(dim=-1)
"""
"""What the next one imports as `head`."""

HEADED = """import torch.nn.functional as F
from head import Head

model = Head()


def loss_of(x, y):
    return F.cross_entropy(model(x), y)
"""
"""NN401, an error, on row 8, where the head is known: it is at row 6 of that."""
