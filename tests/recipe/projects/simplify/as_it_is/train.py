import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

torch.manual_seed(0)
digits = datasets.MNIST("digits", transform=transforms.ToTensor())
batches = DataLoader(digits, batch_size=32, shuffle=True)  # done: simplify
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
updates = torch.optim.Adam(net.parameters())
for pictures, numbers in batches:
    updates.zero_grad()
    nn.functional.cross_entropy(net(pictures), numbers).backward()
    updates.step()
