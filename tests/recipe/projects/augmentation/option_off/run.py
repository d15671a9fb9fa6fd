import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

parser = argparse.ArgumentParser()
parser.add_argument("--augment", action="store_true")
args = parser.parse_args()
steps = [transforms.ToTensor()]
if args.augment:
    steps.insert(0, transforms.RandomHorizontalFlip())
photos = datasets.CIFAR10("data", train=True, transform=transforms.Compose(steps))
network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in DataLoader(photos, batch_size=64, shuffle=True):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
# missing: augmentation
