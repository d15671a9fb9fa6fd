"""Optimizers, their schedules, and averages of weights."""

from __future__ import annotations

import copy
import math

import torch
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR


def parameter_groups(model, decay):
    decayed, plain = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        (plain if parameter.ndim < 2 or name.endswith("bias") else decayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": decay},
        {"params": plain, "weight_decay": 0.0},
    ]


def build_optimizer(name, model, rate, decay):
    groups = parameter_groups(model, decay)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=rate)


def cosine(optimizer, warmup, steps):
    def factor(step):
        if step < warmup:
            return (step + 1) / warmup
        progress = (step - warmup) / max(1, steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return LambdaLR(optimizer, factor)


def build_schedule(name, optimizer, rate, warmup, steps):
    if name == "one_cycle":
        return OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    return cosine(optimizer, warmup, steps)


class Average:
    """An exponential moving average of a network's weights."""

    def __init__(self, model, decay=0.999):
        self.decay = decay
        self.model = copy.deepcopy(model).eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for mine, theirs in zip(self.model.parameters(), model.parameters(), strict=True):
            mine.lerp_(theirs, 1 - self.decay)
        for mine, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)
