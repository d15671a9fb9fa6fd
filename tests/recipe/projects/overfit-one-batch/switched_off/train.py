import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


def overfit_one_batch(tagger, batch):
    updates = torch.optim.Adam(tagger.parameters())
    for _ in range(500):
        updates.zero_grad()
        loss = nn.functional.cross_entropy(tagger(batch[0]), batch[1])
        loss.backward()
        updates.step()
        print(loss.item())


def main():  # missing: overfit-one-batch
    parser = argparse.ArgumentParser()
    parser.add_argument("--overfit", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(3)
    known, new = loaders()
    tagger = Tagger(20, 7)
    if options.overfit:
        overfit_one_batch(tagger, next(iter(known)))
        return
    updates = torch.optim.Adam(tagger.parameters(), lr=3e-4)
    for epoch in range(10):
        for rows, tags in known:
            updates.zero_grad()
            loss = nn.functional.cross_entropy(tagger(rows), tags)
            loss.backward()
            updates.step()
            print(loss.item())


if __name__ == "__main__":
    main()
