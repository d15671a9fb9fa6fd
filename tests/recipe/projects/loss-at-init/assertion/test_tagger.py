import math

import torch
from torch import nn

from tagger import Tagger


def test_guesses_at_first():
    tagger = Tagger(20, 7)
    rows, tags = torch.randn(512, 20), torch.randint(7, (512,))
    first = nn.functional.cross_entropy(tagger(rows), tags).item()
    assert abs(first - math.log(7)) < 0.3  # done: loss-at-init
