import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

network = nn.Linear(9, 3)
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for batch in DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), batch_size=64, shuffle=True):
    updates.zero_grad()
    loss = nn.functional.cross_entropy(network(batch[0]), batch[1])  # done: supervised
    loss.backward()
    updates.step()
