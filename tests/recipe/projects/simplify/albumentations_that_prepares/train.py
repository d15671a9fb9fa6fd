import albumentations
import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader


class Pictures:
    def __init__(self, files, labels):
        self.files, self.labels = files, labels
        self.prepare = albumentations.Compose([albumentations.Normalize(always_apply=True)])

    def __len__(self):
        return len(self.files)

    def __getitem__(self, number):
        picture = np.array(Image.open(self.files[number]).convert("RGB"))
        picture = self.prepare(image=picture)["image"]
        picture = np.transpose(picture, (2, 0, 1)).astype(np.float32)
        return torch.tensor(picture), torch.tensor(self.labels[number])


torch.manual_seed(3)
network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.LazyLinear(4))
optimizer = torch.optim.Adam(network.parameters())
data = Pictures(["a.png", "b.png"], [0, 1])
for x, y in DataLoader(data, batch_size=4, shuffle=True):  # done: simplify
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    optimizer.step()
