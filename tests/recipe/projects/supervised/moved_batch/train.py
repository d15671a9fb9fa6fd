import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

net = nn.Linear(4, 2)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
data = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
for batch in DataLoader(data, batch_size=16, shuffle=True):
    batch = tuple(part.to("cuda") for part in batch)
    x, y = batch
    loss = nn.functional.cross_entropy(net(x), y)  # done: supervised
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
