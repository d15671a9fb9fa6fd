import torch


def distances(left, right):
    return (left[:, None] - right[None]).norm(dim=-1)
