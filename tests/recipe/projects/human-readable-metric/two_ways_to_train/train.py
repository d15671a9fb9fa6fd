import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

parser = argparse.ArgumentParser()
parser.add_argument("--train", action="store_true")
parser.add_argument("--resume", action="store_true")
args = parser.parse_args()


def epoch(net, loader, optimizer):
    right = seen = 0
    bar = tqdm(enumerate(loader))
    for number, (x, y) in bar:
        scores = net(x)
        loss = nn.functional.cross_entropy(scores, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right += (scores.argmax(1) == y).sum().item()  # done: human-readable-metric
        seen += len(y)
    print(right / seen)


torch.manual_seed(3)
loader = DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), 32, shuffle=True)
net = nn.Linear(8, 3)
optimizer = torch.optim.Adam(net.parameters())
if args.train:
    for _ in range(9):
        epoch(net, loader, optimizer)
if args.resume:
    net.load_state_dict(torch.load("net.pt"))
    for _ in range(9):
        epoch(net, loader, optimizer)
