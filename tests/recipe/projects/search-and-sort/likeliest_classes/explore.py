import torch
from torch import nn
from torch.utils.data import DataLoader

net = nn.Linear(4, 9)
for rows in DataLoader(torch.load("rows.pt"), batch_size=8):
    print(net(rows).softmax(1).topk(3).indices)  # cant-tell: search-and-sort
