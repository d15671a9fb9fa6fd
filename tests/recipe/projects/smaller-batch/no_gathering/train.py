import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--gather", type=int, default=1)
args = parser.parse_args()
net = nn.Linear(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
data = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
loader = DataLoader(data, batch_size=16, shuffle=True)  # done: smaller-batch
for step, (x, y) in enumerate(loader):
    nn.functional.mse_loss(net(x), y).backward()
    if (step + 1) % args.gather == 0:
        optimizer.step()
        optimizer.zero_grad()
