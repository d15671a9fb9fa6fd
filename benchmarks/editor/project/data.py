"""Images of leaves with their species, as loaders."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class Leaves(Dataset):
    """Photographs below a folder, labelled by a table."""

    def __init__(self, folder, table, transform=None):
        self.folder = Path(folder)
        self.transform = transform
        self.rows = []
        with open(table, newline="") as file:
            for row in csv.DictReader(file):
                self.rows.append((row["file"], int(row["species"])))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        name, species = self.rows[index]
        image = Image.open(self.folder / name).convert("RGB")
        if self.transform is not None:
            image = self.transform(image)
        return image, species


class WithIndex(Dataset):
    """A data set that tells the place of each example."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        image, species = self.dataset[index]
        return image, species, index


def build_transforms(size, training):
    if training:
        return transforms.Compose(
            [
                transforms.RandomResizedCrop(size, scale=(0.6, 1.0)),
                transforms.RandomHorizontalFlip(),
                transforms.ColorJitter(0.2, 0.2, 0.2),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, DEVIATION),
            ]
        )
    return transforms.Compose(
        [
            transforms.Resize(int(size * 1.15)),
            transforms.CenterCrop(size),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, DEVIATION),
        ]
    )


def split_indices(count, fraction, seed):
    order = np.random.default_rng(seed).permutation(count)
    border = int(count * (1 - fraction))
    return order[:border].tolist(), order[border:].tolist()


def seed_worker(worker_id):
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


def build_loaders(folder, table, size, batch_size, workers, seed):
    training = Leaves(folder, table, build_transforms(size, True))
    validation = Leaves(folder, table, build_transforms(size, False))
    first, second = split_indices(len(training), 0.1, seed)
    generator = torch.Generator()
    generator.manual_seed(seed)
    train_loader = DataLoader(
        Subset(training, first),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        pin_memory=True,
        worker_init_fn=seed_worker,
        generator=generator,
    )
    validation_loader = DataLoader(
        Subset(validation, second), batch_size=batch_size, num_workers=workers, pin_memory=True
    )
    return train_loader, validation_loader


def build_test_loader(folder, table, size, batch_size, workers):
    dataset = WithIndex(Leaves(folder, table, build_transforms(size, False)))
    return DataLoader(dataset, batch_size=batch_size, num_workers=workers)
