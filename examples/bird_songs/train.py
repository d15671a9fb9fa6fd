"""Train a bird-song classifier: `python train.py data/ --epochs 20`."""

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

from data import build_loaders
from model import SongClassifier


def train_epoch(model, loader, criterion, optimizer, device):
    model.train()
    for spectrograms, species in loader:
        spectrograms, species = spectrograms.to(device), species.to(device)
        optimizer.zero_grad()
        loss = criterion(model(spectrograms), species)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def evaluate(model, loader, device):
    correct = 0
    for spectrograms, species in loader:
        predicted = model(spectrograms.to(device)).argmax(dim=1)
        correct += (predicted == species.to(device)).sum().item()
    return correct / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-4)
    args = parser.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    train_loader, val_loader = build_loaders(args.data, args.batch_size)
    model = SongClassifier(classes=len(train_loader.dataset.classes)).to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=30)

    best = 0.0
    for epoch in range(args.epochs):
        train_epoch(model, train_loader, criterion, optimizer, device)
        accuracy = evaluate(model, val_loader, device)
        scheduler.step()
        print(f"epoch {epoch}: accuracy {accuracy:.3f}")
        if accuracy > best:
            best = accuracy
            torch.save(model.state_dict(), "best.pt")


if __name__ == "__main__":
    main()
