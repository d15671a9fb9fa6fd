import sys

import torch
from torch import nn

network = nn.Linear(4, 2)
if sys.argv[1] == "adam":
    updates = torch.optim.Adam(network.parameters(), lr=1e-3)
else:
    updates = torch.optim.SGD(network.parameters(), lr=0.1)  # missing: adam
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
