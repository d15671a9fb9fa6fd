import json

import torch
from torch import nn

with open("settings.json") as stream:
    settings = json.load(stream)
network = nn.Linear(9, 3)
updates = torch.optim.Adam(network.parameters(), lr=settings["lr"], weight_decay=settings["decay"])  # done: weight-decay
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
