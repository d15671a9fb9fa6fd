# stage: skeleton
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

torch.manual_seed(0)
steps = transforms.Compose(  # contradicted: simplify
    [
        transforms.RandomRotation(10),
        transforms.ToTensor(),
    ]
)
digits = datasets.MNIST("digits", transform=steps)
batches = DataLoader(digits, batch_size=32, shuffle=True)
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
updates = torch.optim.Adam(net.parameters())
for pictures, numbers in batches:
    updates.zero_grad()
    nn.functional.cross_entropy(net(pictures), numbers).backward()
    updates.step()
