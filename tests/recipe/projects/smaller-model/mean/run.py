import torch
from torch import nn


class Sorter(nn.Module):
    def __init__(self):
        super().__init__()
        self.see = nn.Sequential(nn.Conv2d(3, 32, 3, stride=2), nn.ReLU(), nn.Conv2d(32, 64, 3, stride=2), nn.ReLU())
        self.head = nn.Linear(64, 4)

    def forward(self, photos):
        seen = self.see(photos)
        return self.head(seen.mean(dim=(2, 3)))  # done: smaller-model


network = Sorter()
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
