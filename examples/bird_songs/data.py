"""Spectrograms of bird songs, one folder per species."""

from pathlib import Path

from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

BINS, FRAMES = 64, 256


def build_transform():
    return transforms.Compose(
        [
            transforms.Grayscale(),
            transforms.RandomResizedCrop((BINS, FRAMES), scale=(0.7, 1.0)),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.45], std=[0.22]),
        ]
    )


def build_loaders(root: Path, batch_size: int):
    transform = build_transform()
    train_set = ImageFolder(root / "train", transform=transform)
    val_set = ImageFolder(root / "val", transform=transform)
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True, num_workers=2)
    val_loader = DataLoader(val_set, batch_size=batch_size, num_workers=2)
    return train_loader, val_loader
