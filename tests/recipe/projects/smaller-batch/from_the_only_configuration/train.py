import argparse
import json
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def main(config):
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=config["rate"])
    data = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
    for x, y in DataLoader(data, batch_size=config["loader"]["batch_size"], shuffle=True):  # done: smaller-batch
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", required=True)
    path = Path(parser.parse_args().config)
    with path.open() as file:
        main(json.load(file))
