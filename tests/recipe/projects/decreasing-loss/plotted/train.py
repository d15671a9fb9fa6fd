import matplotlib.pyplot as plt

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


class Fitting:
    def __init__(self):
        self.tagger = Tagger(20, 7)
        self.updates = torch.optim.Adam(self.tagger.parameters())
        self.curve = []

    def step(self, rows, tags):
        self.updates.zero_grad()
        value = nn.functional.cross_entropy(self.tagger(rows), tags)
        value.backward()
        self.updates.step()
        self.curve.append(value.item())

    def run(self, data):
        for batch in data:
            self.step(*batch)


fitting = Fitting()
fitting.run(loaders()[0])
plt.plot(fitting.curve)  # done: decreasing-loss
plt.savefig("curve.png")
