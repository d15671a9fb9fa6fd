import torch
from torch import nn
from torchvision.models import ResNet18_Weights, resnet18

network = resnet18(weights=ResNet18_Weights.DEFAULT)  # done: pretrain
network.fc = nn.Linear(512, 3)
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
