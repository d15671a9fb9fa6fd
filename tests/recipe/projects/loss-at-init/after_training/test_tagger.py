import math

import torch
from torch import nn

from tagger import Tagger


def test_learns():  # missing: loss-at-init
    tagger = Tagger(20, 7)
    rows, tags = torch.randn(64, 20), torch.randint(7, (64,))
    updates = torch.optim.Adam(tagger.parameters())
    for _ in range(50):
        updates.zero_grad()
        loss = nn.functional.cross_entropy(tagger(rows), tags)
        loss.backward()
        updates.step()
    assert abs(loss.item() - math.log(7)) > 0.5


def test_is_a_number():
    loss_at_init = nn.functional.cross_entropy(Tagger(20, 7)(torch.randn(4, 20)), torch.zeros(4).long())
    # the loss at init should be log(7)
    assert loss_at_init.item() > 0
    assert torch.isfinite(loss_at_init)


def verify_loss_at_init(loss):
    assert abs(loss - math.log(7)) < 0.1
