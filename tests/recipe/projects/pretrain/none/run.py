import torch
from torch import nn
from torchvision.models import resnet18

# "pretrained" is a word only
network = resnet18(weights=None, num_classes=3)  # missing: pretrain
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
