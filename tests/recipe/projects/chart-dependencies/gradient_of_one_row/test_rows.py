import torch

from tagger import Tagger


def test_rows_stay_apart():
    rows = torch.randn(5, 20, requires_grad=True)
    Tagger(20, 7)(rows)[2].sum().backward()
    others = [0, 1, 3, 4]
    assert (rows.grad[others] == 0).all()  # done: chart-dependencies
