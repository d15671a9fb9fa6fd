import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def dice_loss(mask, truth, eps=1.0):
    mask = torch.sigmoid(mask)
    shared = (mask * truth).sum()
    return 1 - (2 * shared + eps) / (mask.sum() + truth.sum() + eps)


net = nn.Conv2d(3, 1, 3, padding=1)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
train = DataLoader(TensorDataset(torch.load("x.pt"), torch.load("masks.pt")), batch_size=8, shuffle=True)
held_out = DataLoader(TensorDataset(torch.load("x_val.pt"), torch.load("masks_val.pt")), batch_size=8)
for epoch in range(20):
    net.train()
    for image, truth in train:
        optimizer.zero_grad()
        dice_loss(net(image), truth).backward()
        optimizer.step()
    net.eval()
    total, seen = 0.0, 0
    with torch.no_grad():
        for image, truth in held_out:
            total += dice_loss(net(image), truth).item() * len(image)
            seen += len(image)
    print(f"epoch {epoch}: {total / seen:.4f}")  # missing: human-readable-metric
