import torch
import wandb
from torch import nn

wandb.init(project="rows")
network = nn.Linear(9, 3)
updates = torch.optim.Adam(network.parameters(), lr=wandb.config.lr)
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    loss = nn.functional.cross_entropy(network(x), y)
    loss.backward()
    updates.step()
wandb.log({"loss": loss.item()})
# missing: random-search
