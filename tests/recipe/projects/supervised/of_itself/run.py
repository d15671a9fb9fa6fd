import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

network = nn.Sequential(nn.Linear(9, 3), nn.ReLU(), nn.Linear(3, 9))
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for batch, label in DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), batch_size=64, shuffle=True):
    updates.zero_grad()
    loss = nn.functional.mse_loss(network(batch), batch)  # cant-tell: supervised
    loss.backward()
    updates.step()
