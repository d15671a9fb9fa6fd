import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def main():
    net = nn.Conv2d(3, 4, 3, padding=1)
    optimizer = torch.optim.Adam(net.parameters())
    data = TensorDataset(torch.load("x.pt"), torch.load("maps.pt"))
    for images, maps in DataLoader(data, batch_size=16, shuffle=True):
        predicted = net(images)
        losses = []
        for channel in range(4):
            losses.append(nn.functional.mse_loss(predicted[:, channel], maps[:, channel]))  # done: supervised
        result = {"loss": torch.stack(losses).mean()}
        optimizer.zero_grad()
        result["loss"].backward()
        optimizer.step()


main()
