"""A convolutional recurrent network over spectrograms."""

import torch
from torch import nn


class ConvBlock(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, dropout: float = 0.2):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1)
        self.dropout = nn.Dropout2d(dropout)
        self.norm = nn.BatchNorm2d(channels_out)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.conv(x))
        x = self.norm(self.dropout(x))
        return self.pool(x)


class SongClassifier(nn.Module):
    def __init__(self, classes: int, bins: int = 64, width: int = 32, hidden: int = 128):
        super().__init__()
        self.blocks = nn.Sequential(ConvBlock(1, width), ConvBlock(width, width))
        self.rnn = nn.GRU(width * (bins // 4), hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, classes)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, spectrogram: torch.Tensor) -> torch.Tensor:
        features = self.blocks(spectrogram)
        batch, channels, bins, frames = features.shape
        sequence = features.permute(0, 3, 1, 2).reshape(batch, frames, channels * bins)
        _, h_n = self.rnn(sequence)
        summary = h_n.view(batch, -1)
        return self.softmax(self.head(summary))
