import torch
from tap import Tap
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Settings(Tap):
    batch_size: int = 16
    lr: float = 1e-3


def main(settings: Settings):
    torch.manual_seed(3)
    data = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
    loader = DataLoader(data, batch_size=settings.batch_size, shuffle=True)  # done: smaller-batch
    net = nn.Linear(8, 3)
    optimizer = torch.optim.Adam(net.parameters(), lr=settings.lr)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()


if __name__ == "__main__":
    main(Settings().parse_args())
