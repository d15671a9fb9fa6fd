import torch

from tagger import Tagger


def test_shape():  # cant-tell: special-case
    rows = torch.randn(4, 20)
    assert torch.allclose(Tagger(20, 7)(rows), Tagger(20, 7)(rows)) is False
