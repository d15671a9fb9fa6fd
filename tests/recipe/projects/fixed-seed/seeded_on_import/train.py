import torch
from options import RATE
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

if __name__ == "__main__":
    rows = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    network = nn.Linear(20, 7)
    updates = torch.optim.Adam(network.parameters(), lr=RATE)
    for _ in range(10):
        for x, y in DataLoader(rows, batch_size=32, shuffle=True):
            updates.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            updates.step()
