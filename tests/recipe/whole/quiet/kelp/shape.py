import torch
from torch import nn

from kelp.sea import KINDS


class Look(nn.Module):
    def __init__(self, often):
        super().__init__()
        self.see = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.say = nn.Linear(32, KINDS)
        with torch.no_grad():
            self.say.bias.copy_(torch.as_tensor(often).log())

    def forward(self, x):
        return self.say(self.see(x))
