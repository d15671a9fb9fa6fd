import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms.functional import rgb_to_grayscale

net = nn.Conv2d(3, 3, 3, padding=1)
with torch.no_grad():
    for low, high in DataLoader(TensorDataset(torch.load("low.pt"), torch.load("high.pt")), batch_size=1):
        shown, wanted = rgb_to_grayscale(net(low)), rgb_to_grayscale(high)  # cant-tell: spurious-variation
        print((shown - wanted).abs().mean())
