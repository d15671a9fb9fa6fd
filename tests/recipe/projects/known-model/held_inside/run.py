import torch
from torch import nn

from parts import Grader


def main():
    grader = Grader(4)
    updates = torch.optim.AdamW(grader.parameters(), lr=1e-4)
    for photos, grades in torch.load("batches.pt"):
        updates.zero_grad()
        nn.functional.cross_entropy(grader(photos), grades).backward()
        updates.step()


if __name__ == "__main__":
    main()
