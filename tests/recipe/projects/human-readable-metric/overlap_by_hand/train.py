import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def iou(mask, truth, eps=1e-6):
    mask = (torch.sigmoid(mask) > 0.5).float()
    shared = (mask * truth).sum(dim=(1, 2, 3))  # done: human-readable-metric
    either = mask.sum(dim=(1, 2, 3)) + truth.sum(dim=(1, 2, 3)) - shared
    return ((shared + eps) / (either + eps)).mean()


net = nn.Conv2d(3, 1, 3, padding=1)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
train = DataLoader(TensorDataset(torch.load("x.pt"), torch.load("masks.pt")), batch_size=8, shuffle=True)
held_out = DataLoader(TensorDataset(torch.load("x_val.pt"), torch.load("masks_val.pt")), batch_size=8)
for epoch in range(20):
    net.train()
    for image, truth in train:
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(image), truth).backward()
        optimizer.step()
    net.eval()
    total, seen = 0.0, 0
    with torch.no_grad():
        for image, truth in held_out:
            total += iou(net(image), truth).item() * len(image)
            seen += len(image)
    print(f"epoch {epoch}: IoU {total / seen:.4f}")
