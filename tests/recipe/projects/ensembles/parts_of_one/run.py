import torch
from torch import nn


class Ensemble(nn.Module):
    """Two branches that are trained as one model."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(9, 3), nn.Linear(9, 3)

    def forward(self, x):
        return (self.one(x) + self.other(x)) / 2


network = Ensemble()  # missing: ensembles
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
with torch.no_grad():
    print(network(torch.load("held_out.pt")).argmax(1))
