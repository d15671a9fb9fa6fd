import sys

import torch
from torch import nn

network = nn.Linear(4, 2)
if sys.argv[1] == "coupled":
    updates = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-4)  # done: adam
else:
    updates = torch.optim.AdamW(network.parameters(), lr=1e-3)  # done: adam
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
