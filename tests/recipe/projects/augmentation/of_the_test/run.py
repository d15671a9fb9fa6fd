import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

flips = transforms.Compose(
    [
        transforms.RandomHorizontalFlip(),  # contradicted: augmentation
        transforms.ToTensor(),
    ]
)
plain = transforms.ToTensor()
photos = datasets.CIFAR10("data", train=True, transform=plain)
network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in DataLoader(photos, batch_size=64, shuffle=True):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()

network.eval()
held_out = datasets.CIFAR10("data", train=False, transform=flips)
right = 0
with torch.no_grad():
    for x, y in DataLoader(held_out, batch_size=64):
        right += (network(x).argmax(1) == y).sum().item()
print(right / len(held_out))
