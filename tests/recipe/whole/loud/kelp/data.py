"""Check duplicates, corrupted pairs, class balance, bias, label noise and outliers.

Look at spurious variation; human baseline: 94 %.
"""

import torch
from torch.utils.data import DataLoader, TensorDataset


def find_duplicates(dataset):
    hashes = [hash(x) for x, _ in dataset]
    return len(hashes) - len(set(hashes))


def print_class_balance(labels):
    counts = torch.bincount(labels)
    print(counts)


def find_label_noise(labels, probs):
    from cleanlab.filter import find_label_issues

    return find_label_issues(labels, probs)


def visualize_batch(images):
    import matplotlib.pyplot as plt

    plt.imshow(images[0])


def make_loaders(seed=None, visualize=False):
    if seed is not None:
        torch.manual_seed(seed)
    train = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
    loader = DataLoader(train, batch_size=32, shuffle=True)
    if visualize:
        visualize_batch(next(iter(loader))[0])
    # duplicates = find_duplicates(train)
    return loader
