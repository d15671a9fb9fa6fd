import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader
from torchvision import datasets, transforms

plain, turned = transforms.ToTensor(), transforms.Compose([transforms.RandomRotation(9), transforms.ToTensor()])
more_data = ConcatDataset([datasets.MNIST("m", transform=plain), datasets.MNIST("m", transform=turned)])  # cant-tell: more-data
network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in DataLoader(more_data, batch_size=64, shuffle=True):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
