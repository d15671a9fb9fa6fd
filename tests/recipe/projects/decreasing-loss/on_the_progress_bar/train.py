import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

net = nn.Linear(4, 2)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
data = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
bar = tqdm(DataLoader(data, batch_size=16, shuffle=True), leave=False)
for x, y in bar:
    loss = nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    bar.set_postfix(loss=loss.item())  # done: decreasing-loss
