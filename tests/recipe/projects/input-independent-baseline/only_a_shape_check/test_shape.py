import torch

from tagger import Tagger


def test_shape():
    blind_baseline = Tagger(20, 7)(torch.zeros(4, 20))
    assert blind_baseline.shape == (4, 7)
