import torch

from distance import distances


def test_as_in_a_loop():
    left, right = torch.randn(4, 3), torch.randn(5, 3)
    wanted = torch.stack([torch.stack([(a - b).norm() for b in right]) for a in left])
    torch.testing.assert_close(distances(left, right), wanted)  # done: special-case
