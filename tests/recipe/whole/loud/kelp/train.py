import argparse
import math

import torch
from torch import nn

from kelp.data import make_loaders

SEED = 42  # fix random seed
human_baseline = 0.94


class Model(nn.Module):
    def __init__(self, num_classes=10, init_bias=0.0):
        super().__init__()
        self.fc1 = nn.Linear(20, 64)
        self.head = nn.Linear(64, num_classes)
        # good init: set the bias of the head
        nn.init.constant_(self.head.bias, init_bias)

    def forward(self, x):
        return self.head(torch.relu(self.fc1(x)))


def seed_everything(seed):
    torch.manual_seed(seed)


def verify_loss_at_init(model, batch, num_classes=10):
    loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
    assert abs(loss.item() - math.log(num_classes)) < 0.1


def overfit_one_batch(model, batch):
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(1000):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01


def input_independent_baseline(model, loader):
    for x, y in loader:
        print(nn.functional.cross_entropy(model(torch.zeros_like(x)), y))


def evaluate_full_test_set(model, loader):
    correct = 0
    for x, y in loader:
        correct += (model(x).argmax(1) == y).sum().item()
    print("accuracy", correct / len(loader.dataset))
    return correct


def show_mispredictions(model, loader):
    for x, y in loader:
        wrong = model(x).argmax(1) != y
        print(x[wrong])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int)
    parser.add_argument("--overfit-one-batch", action="store_true")
    parser.add_argument("--log-every", type=int, default=0)
    parser.add_argument("--visualize-predictions", action="store_true")
    args = parser.parse_args()
    loader = make_loaders(args.seed)
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    fixed_batch = None
    accuracy = loss_at_init = 0.0
    if args.overfit_one_batch:
        overfit_one_batch(model, next(iter(loader)))
    for epoch in range(10):
        for step, (x, y) in enumerate(loader):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            if args.log_every and step % args.log_every == 0:
                print("training loss", loss.item())
        if fixed_batch is not None:
            print("prediction dynamics", model(fixed_batch))
        print("epoch", epoch, "accuracy", accuracy, "loss at init", loss_at_init)


if __name__ == "__main__":
    main()
