import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

# the augmentation that nobody gives to a data set
augmentation = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.RandomRotation(15)])
photos = datasets.CIFAR10("data", train=True, transform=transforms.ToTensor())
network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in DataLoader(photos, batch_size=64, shuffle=True):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
# missing: augmentation
