import torch
from torch import nn

from tagger import Tagger


class TestCapacity:
    def test_all_right(self):
        tagger, rows, tags = Tagger(20, 7), torch.randn(16, 20), torch.randint(7, (16,))
        updates = torch.optim.AdamW(tagger.parameters())
        for _ in range(400):
            updates.zero_grad()
            nn.functional.cross_entropy(tagger(rows), tags).backward()
            updates.step()
        right = (tagger(rows).argmax(1) == tags).float().mean()
        assert right > 0.99  # done: overfit-one-batch
