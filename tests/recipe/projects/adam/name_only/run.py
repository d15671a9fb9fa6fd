import torch
from torch import nn


class Adam(torch.optim.SGD):
    """Called so, and plain descent."""


network = nn.Linear(4, 2)
adam_optimizer = torch.optim.SGD(network.parameters(), lr=0.1)  # missing: adam
for x, y in torch.load("batches.pt"):
    adam_optimizer.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    adam_optimizer.step()
