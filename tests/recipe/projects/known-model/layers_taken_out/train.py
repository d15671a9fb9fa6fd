import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import models


class Network(nn.Module):
    def __init__(self, number):
        super().__init__()
        known = models.resnet50(pretrained=True)  # done: known-model
        layers = list(known.children())[:-1]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(2048, number)

    def forward(self, pictures):
        return self.head(self.layers(pictures).flatten(1))


torch.manual_seed(3)
network = nn.DataParallel(Network(9))
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
for pictures, labels in DataLoader(torch.load("pictures.pt"), batch_size=32, shuffle=True):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(pictures), labels).backward()
    optimizer.step()
