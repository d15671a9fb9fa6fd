import torch
from torch import nn

network = nn.Linear(4, 2)
updates = torch.optim.SGD(network.parameters(), lr=0.1)  # missing: adam
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()

picture = torch.randn(1, 4, requires_grad=True)
painter = torch.optim.Adam([picture], lr=0.1)
for _ in range(50):
    painter.zero_grad()
    network(picture)[0, 1].neg().backward()
    painter.step()
