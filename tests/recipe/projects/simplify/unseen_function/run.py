import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from shapes.points import random_points


class Shapes(Dataset):
    def __init__(self, folder):
        self.rows = torch.load(folder + "/rows.pt")

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        # cant-tell: simplify
        return random_points(self.rows[index], 30), index % 4


torch.manual_seed(0)
batches = DataLoader(Shapes("shapes"), batch_size=32, shuffle=True)
net = nn.Linear(30, 4)
updates = torch.optim.Adam(net.parameters())
for rows, kinds in batches:
    updates.zero_grad()
    nn.functional.cross_entropy(net(rows), kinds).backward()
    updates.step()
