import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


def main():  # missing: decreasing-loss
    known, new = loaders()
    tagger = Tagger(20, 7)
    updates = torch.optim.Adam(tagger.parameters(), lr=3e-4)
    losses = []
    for epoch in range(10):
        for rows, tags in known:
            updates.zero_grad()
            loss = nn.functional.cross_entropy(tagger(rows), tags)
            loss.backward()
            updates.step()
            losses.append(loss.item())
            # print("training loss", loss.item())
        tagger.eval()
        with torch.no_grad():
            value = sum(nn.functional.cross_entropy(tagger(r), t, reduction="sum") for r, t in new)
        tagger.train()
        print("epoch", epoch, "loss", value / len(new.dataset))


main()
