import torch
from torch import nn


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide = nn.Linear(40, 80, bias=False)
        self.some = nn.Dropout(0.5)
        self.even = nn.BatchNorm1d(80)
        self.head = nn.Linear(80, 4)

    def forward(self, x):
        return self.head(torch.relu(self.even(self.some(self.wide(x)))))  # contradicted: drop


network = Reader()
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
