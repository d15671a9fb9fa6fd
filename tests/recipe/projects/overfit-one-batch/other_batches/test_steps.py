import torch
from torch import nn

from tagger import Tagger


def test_runs():
    tagger = Tagger(20, 7)
    updates = torch.optim.SGD(tagger.parameters(), lr=0.1)
    for _ in range(3):
        rows, tags = torch.randn(8, 20), torch.randint(7, (8,))
        updates.zero_grad()
        loss = nn.functional.cross_entropy(tagger(rows), tags)
        loss.backward()
        updates.step()
    assert loss.item() < 0.5
