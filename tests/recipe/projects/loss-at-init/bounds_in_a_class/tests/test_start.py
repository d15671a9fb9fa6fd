import unittest

import torch
from torch import nn

from tagger import Tagger


class Start(unittest.TestCase):
    pass


class TestStart(Start):
    def setUp(self):
        self.tagger = Tagger(20, 7)
        self.objective = nn.CrossEntropyLoss()

    def measured(self):
        return self.objective(self.tagger(torch.randn(512, 20)), torch.randint(7, (512,)))

    def test_start(self):
        value = float(self.measured())
        assert 1.6 < value < 2.3  # done: loss-at-init
