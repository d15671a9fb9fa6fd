import torch
from torch import nn
from torchvision.models import resnet18


def baseline():
    return resnet18(num_classes=2)


network = nn.Sequential(nn.Linear(9, 9), nn.Tanh(), nn.Linear(9, 2))  # missing: known-model
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
