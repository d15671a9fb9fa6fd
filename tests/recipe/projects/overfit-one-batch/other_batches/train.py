import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


def main():  # missing: overfit-one-batch
    torch.manual_seed(3)
    known, new = loaders()
    tagger = Tagger(20, 7)
    updates = torch.optim.Adam(tagger.parameters(), lr=3e-4)
    for epoch in range(10):
        tagger.train()
        for rows, tags in known:
            updates.zero_grad()
            nn.functional.cross_entropy(tagger(rows), tags).backward()
            updates.step()


if __name__ == "__main__":
    main()
