"""Small tensors on a shared machine: one thread is faster than many."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
