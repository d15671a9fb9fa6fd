import torch
from torch import nn

network = nn.Linear(9, 2)
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
falling = torch.optim.lr_scheduler.StepLR(updates, step_size=30)  # contradicted: decay-defaults
for epoch in range(100):
    for x, y in torch.load("batches.pt"):
        updates.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        updates.step()
    falling.step()
