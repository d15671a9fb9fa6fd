import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def measure(net, loader):
    net.eval()
    right = seen = 0
    with torch.no_grad():
        for x, y in loader:  # done: whole-evaluation
            right += (net(x).argmax(1) == y).sum().item()
            seen += len(y)
    return right / seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--do_train", action="store_true")
    parser.add_argument("--do_eval", action="store_true")
    args = parser.parse_args()
    net = nn.Linear(4, 2)
    if args.do_train:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for x, y in DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), batch_size=64, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
        torch.save(net.state_dict(), "net.pt")
    if args.do_eval:
        net.load_state_dict(torch.load("net.pt"))
        test = DataLoader(TensorDataset(torch.load("x_test.pt"), torch.load("y_test.pt")), batch_size=64)
        print("accuracy", measure(net, test))


main()
