import torch

torch.manual_seed(11)  # done: fixed-seed
RATE = 3e-4
