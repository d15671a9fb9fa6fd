import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Batches(DataLoader):
    def __init__(self, rows, size, workers=0):
        self.rows = rows
        super().__init__(dataset=rows, batch_size=size, shuffle=True, num_workers=workers)  # done: smaller-batch


rows = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
network = nn.Linear(9, 3)
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for number, (x, y) in enumerate(Batches(rows, 16)):
    loss = nn.functional.cross_entropy(network(x), y)
    updates.zero_grad()
    loss.backward()
    updates.step()
    if number % 50 == 0:
        print(number, loss.item())
