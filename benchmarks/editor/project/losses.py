"""What is minimised."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class SmoothedCrossEntropy(nn.Module):
    def __init__(self, smoothing=0.1, weight=None):
        super().__init__()
        self.smoothing = smoothing
        self.register_buffer("weight", weight)

    def forward(self, logits, target):
        return F.cross_entropy(logits, target, weight=self.weight, label_smoothing=self.smoothing)


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0):
        super().__init__()
        self.gamma = gamma

    def forward(self, logits, target):
        logs = F.log_softmax(logits, dim=-1)
        chosen = logs.gather(1, target[:, None]).squeeze(1)
        return -((1 - chosen.exp()) ** self.gamma * chosen).mean()


def distillation(student, teacher, temperature):
    soft = F.log_softmax(student / temperature, dim=-1)
    wanted = F.softmax(teacher / temperature, dim=-1)
    return F.kl_div(soft, wanted, reduction="batchmean") * temperature**2


def mixed(criterion, logits, first, second, share):
    return share * criterion(logits, first) + (1 - share) * criterion(logits, second)


def class_weights(counts):
    counts = torch.as_tensor(counts, dtype=torch.float32)
    return counts.sum() / (len(counts) * counts.clamp(min=1))


def build_loss(name, smoothing, weight=None):
    if name == "focal":
        return FocalLoss()
    return SmoothedCrossEntropy(smoothing, weight)
