import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, random_split


class Notes(Dataset):
    def __init__(self, folder):
        self.lines = open(folder + "/notes.txt").read().splitlines()
        self.keys = sorted(set(" ".join(self.lines).split()))
        self.rows = [[self.keys.index(word) for word in line.split()] for line in self.lines]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        return torch.tensor(row[:-1]), torch.tensor(row[-1])


torch.manual_seed(0)
notes = Notes("notes")
known, new = random_split(notes, [900, 100])
first = Subset(known, range(500))
batches = DataLoader(first, batch_size=32, shuffle=True)  # done: simplify
net = nn.Sequential(nn.Embedding(90, 16), nn.Flatten(), nn.Linear(160, 90))
updates = torch.optim.Adam(net.parameters())
for words, following in batches:
    updates.zero_grad()
    nn.functional.cross_entropy(net(words), following).backward()
    updates.step()
