import torch
from torch import nn

from tagger import Tagger


def test_all_have_gradients():  # missing: chart-dependencies
    tagger = Tagger(20, 7)
    rows = torch.randn(5, 20)
    nn.functional.cross_entropy(tagger(rows), torch.zeros(5).long()).backward()
    assert all(weights.grad is not None for weights in tagger.parameters())
    assert torch.equal(tagger(rows), tagger(rows))
