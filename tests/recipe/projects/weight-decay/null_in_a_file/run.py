import torch
import yaml
from torch import nn

settings = yaml.safe_load(open("settings.yaml"))
network = nn.Linear(9, 3)
updates = torch.optim.AdamW(network.parameters(), settings["lr"], weight_decay=settings["decay"])  # missing: weight-decay
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
