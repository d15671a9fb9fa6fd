import torch
from torch import nn
from torchvision import models

network = models.resnet34(num_classes=5)  # done: known-model
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
