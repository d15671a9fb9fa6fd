import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--decay", type=float, default=0)
args = parser.parse_args()
network = nn.Sequential(nn.Linear(9, 9), nn.LayerNorm(9), nn.Linear(9, 3))
updates = torch.optim.AdamW(network.parameters(), lr=3e-4)  # done: weight-decay
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    updates.step()
