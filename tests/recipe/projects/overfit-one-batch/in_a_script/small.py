import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


def main():
    known, _ = loaders()
    few = next(iter(known))
    tagger = Tagger(20, 7)
    updates = torch.optim.Adam(tagger.parameters(), lr=3e-4)
    for turn in range(2000):  # done: overfit-one-batch
        updates.zero_grad()
        value = nn.functional.cross_entropy(tagger(few[0]), few[1])
        value.backward()
        updates.step()
        if turn % 100 == 0:
            print(turn, value.item())


if __name__ == "__main__":
    main()
