import hydra
import torch
from torch import nn


@hydra.main(version_base=None, config_path="conf", config_name="main")
def run(settings):
    network = nn.Linear(4, 2)
    updates = hydra.utils.instantiate(settings.updates, params=network.parameters())
    for _ in range(settings.epochs):
        for x, y in torch.load("batches.pt"):
            updates.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            updates.step()


if __name__ == "__main__":
    run()
