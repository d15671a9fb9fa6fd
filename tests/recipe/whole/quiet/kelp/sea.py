"""Photos of kelp beds, each with the share of the bed that is alive and the kind of kelp."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

KINDS = 6


class Beds(Dataset):
    def __init__(self, table, folder):
        self.table, self.folder = table, Path(folder)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, place):
        line = self.table.iloc[place]
        with Image.open(self.folder / line["photo"]) as photo:
            pixels = np.asarray(photo.resize((96, 96)), dtype=np.float32) / 255
        pixels = (pixels - pixels.mean()) / (pixels.std() + 1e-6)
        return torch.from_numpy(pixels).permute(2, 0, 1), torch.tensor(line["kind"])


def open_beds(folder, size):
    everything = pd.read_csv(Path(folder) / "beds.csv")
    everything = everything.drop_duplicates("photo")
    old, new = everything[everything["year"] < 2021], everything[everything["year"] >= 2021]
    return (
        DataLoader(Beds(old, folder), batch_size=size, shuffle=True),
        DataLoader(Beds(new, folder), batch_size=size),
    )
