"""How good a network is."""

from __future__ import annotations

import torch


class Mean:
    def __init__(self):
        self.total = 0.0
        self.count = 0

    def add(self, value, count=1):
        self.total += value * count
        self.count += count

    @property
    def value(self):
        return self.total / max(self.count, 1)


class Confusion:
    def __init__(self, classes):
        self.classes = classes
        self.table = torch.zeros(classes, classes, dtype=torch.long)

    def add(self, logits, target):
        guess = logits.argmax(dim=1).cpu()
        pairs = target.cpu() * self.classes + guess
        self.table += torch.bincount(pairs, minlength=self.classes**2).view(
            self.classes, self.classes
        )

    def accuracy(self):
        return self.table.diag().sum().item() / max(self.table.sum().item(), 1)

    def recall(self):
        return (self.table.diag() / self.table.sum(dim=1).clamp(min=1)).mean().item()


def top_k(logits, target, k):
    best = logits.topk(k, dim=1).indices
    return (best == target[:, None]).any(dim=1).float().mean().item()
