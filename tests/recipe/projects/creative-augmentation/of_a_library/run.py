import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import v2

mixing = v2.MixUp(num_classes=10)  # done: creative-augmentation
photos = datasets.CIFAR10("data", transform=v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]))
network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in DataLoader(photos, batch_size=64, shuffle=True):
    x, y = mixing(x, y)
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
