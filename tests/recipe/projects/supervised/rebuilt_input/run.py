import torch
from rows import Rows
from torch import nn
from torch.utils.data import DataLoader

network = nn.Sequential(nn.Linear(9, 2), nn.ReLU(), nn.Linear(2, 9))
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for batch in DataLoader(Rows(), batch_size=64, shuffle=True):
    batch = {name: part.to("cuda") for name, part in batch.items()}
    found = network(batch["row"])
    loss = nn.functional.mse_loss(found, batch["row"])  # cant-tell: supervised
    updates.zero_grad()
    loss.backward()
    updates.step()
