import argparse

import lightning as L
import torch
from system import System
from torch.utils.data import DataLoader, TensorDataset


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--decay", type=float, default=0.03)
    asked = parser.parse_args()
    rows = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
    L.Trainer(max_epochs=3).fit(System(12, asked.decay), DataLoader(rows, batch_size=64, shuffle=True))


if __name__ == "__main__":
    main()
