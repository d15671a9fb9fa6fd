import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


class Notes(Dataset):
    def __init__(self, folder):
        self.rows = torch.load(folder + "/rows.pt")

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        # cant-tell: simplify
        row = self.rows[index]
        start = random.randint(0, 20)
        return row[start : start + 10], row[-1]


torch.manual_seed(0)
batches = DataLoader(Subset(Notes("notes"), range(500)), batch_size=32, shuffle=True)
net = nn.Sequential(nn.Embedding(90, 16), nn.Flatten(), nn.Linear(160, 90))
updates = torch.optim.Adam(net.parameters())
for words, following in batches:
    updates.zero_grad()
    nn.functional.cross_entropy(net(words), following).backward()
    updates.step()
