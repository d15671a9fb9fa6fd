"""Small tensors on a shared machine: one thread is faster than many; and the same weights in every run."""

from __future__ import annotations

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
