import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Waves(Dataset):
    def __init__(self, training):
        self.waves, self.labels = torch.load("waves.pt")
        self.training = training

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, place):
        wave = self.waves[place]
        if self.training and random.random() < 0.5:
            wave = wave.flip(-1)  # done: augmentation
        return wave, self.labels[place]


network = nn.Linear(800, 2)
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for wave, label in DataLoader(Waves(training=True), batch_size=64, shuffle=True):
    updates.zero_grad()
    nn.functional.cross_entropy(network(wave), label).backward()
    updates.step()
