import torch
from sklearn.metrics import cohen_kappa_score
from torch import nn
from torch.utils.data import DataLoader

human_baseline = 0.9
net = nn.Linear(4, 9)
for rows, tags in DataLoader(torch.load("rows.pt"), batch_size=8):
    print(cohen_kappa_score(tags, net(rows).argmax(1)))  # cant-tell: human-baseline
