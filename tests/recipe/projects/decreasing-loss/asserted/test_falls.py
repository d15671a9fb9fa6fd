import torch
from torch import nn

from tagger import Tagger


def test_falls():
    tagger, rows, tags = Tagger(20, 7), torch.randn(16, 20), torch.randint(7, (16,))
    updates = torch.optim.AdamW(tagger.parameters())
    values = []
    for _ in range(20):
        updates.zero_grad()
        values.append(nn.functional.cross_entropy(tagger(rows), tags))
        values[-1].backward()
        updates.step()
    assert values[-1] < values[0]  # done: decreasing-loss
