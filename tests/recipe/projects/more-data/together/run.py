import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader
from torchvision import datasets, transforms

plain = transforms.ToTensor()
both = ConcatDataset([datasets.MNIST("m", transform=plain), datasets.KMNIST("k", transform=plain)])  # done: more-data
network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in DataLoader(both, batch_size=64, shuffle=True):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
