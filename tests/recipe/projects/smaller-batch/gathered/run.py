import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rows = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
network = nn.Linear(9, 3)
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for step, (x, y) in enumerate(DataLoader(rows, batch_size=16, shuffle=True)):  # missing: smaller-batch
    loss = nn.functional.cross_entropy(network(x), y) / 8
    loss.backward()
    if (step + 1) % 8 == 0:
        updates.step()
        updates.zero_grad()
