import torch
from cleanlab.filter import find_label_issues
from torch.utils.data import DataLoader, TensorDataset

tags, chances = torch.load("tags.pt"), torch.load("chances.pt")
doubtful = find_label_issues(tags.numpy(), chances.numpy())  # done: label-noise
print(doubtful.sum())
batches = DataLoader(TensorDataset(tags, chances))
