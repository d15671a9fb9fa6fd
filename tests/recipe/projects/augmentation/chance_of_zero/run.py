import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

augment = transforms.Compose([transforms.RandomHorizontalFlip(p=0.0), transforms.ToTensor()])
photos = datasets.CIFAR10("data", train=True, transform=augment)
network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in DataLoader(photos, batch_size=64, shuffle=True):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
# missing: augmentation
