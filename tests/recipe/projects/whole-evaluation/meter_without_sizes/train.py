import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from meters import Meter


def main():
    torch.manual_seed(3)
    known = DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), 32, shuffle=True)
    new = DataLoader(TensorDataset(torch.load("new_x.pt"), torch.load("new_y.pt")), 256)
    net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(9):
        net.train()
        for x, y in known:
            optimizer.zero_grad()
            criterion(net(x), y).backward()
            optimizer.step()
        net.eval()
        losses = Meter()
        with torch.no_grad():
            for x, y in new:
                losses.update(criterion(net(x), y).item())  # contradicted: whole-evaluation
        print(losses.mean)


if __name__ == "__main__":
    main()
