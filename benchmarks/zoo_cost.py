"""What a verdict costs: ResNet-50 at 64 px, and a GPT of 124 million parameters.

    python benchmarks/zoo_cost.py

prints the time of the batch probe's full verdict over that of the recipe's own method (one
backward pass per example, batch of 8), and the time and memory that locating takes in a GPT
whose attention lacks its mask. Needs torchvision. Times are seconds of one core: ratios carry over, times do not.
"""

from __future__ import annotations

import resource
import time

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet50

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.locate import locate
from nnlint.verify.runtime.probes import load
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject


class Block(nn.Module):
    """A transformer block whose attention looks ahead."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attention without a mask, then the MLP."""
        batch, steps, width = x.shape
        q, k, v = (
            part.view(batch, steps, self.heads, -1).transpose(1, 2)
            for part in self.qkv(self.norm_1(x)).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, steps, width))
        return x + self.mlp(self.norm_2(x))


class GPT(nn.Module):
    """GPT-2 small by its sizes."""

    def __init__(self, layers: int = 12, width: int = 768, vocabulary: int = 50257) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(vocabulary, width), nn.Embedding(1024, width)
        self.blocks = nn.Sequential(*(Block(width, 12) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of the next token."""
        x = self.embed(tokens) + self.place(torch.arange(tokens.shape[1]))
        return self.norm(self.blocks(x)) @ self.embed.weight.t()


def peak() -> float:
    """Largest resident size of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def backward_passes(model: nn.Module, x: torch.Tensor) -> float:
    """Seconds for one forward and backward pass per example."""
    model.eval()
    started = time.process_time()
    for example in range(x.shape[0]):
        given = x.clone().requires_grad_(True)
        model(given)[example].sum().backward()
    return time.process_time() - started


def main() -> None:
    """Measure, and print."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, x = resnet50(weights=None), torch.randn(8, 3, 64, 64)
    reference = min(backward_passes(model, x) for _ in range(2))
    subject = Subject(Runner(model), Inputs.of((x,)), Options(axis=0))
    started = time.process_time()
    answer = load("batch-dependency").run(subject)
    verdict = time.process_time() - started
    print(f"ResNet-50: {answer.status} in {verdict:.1f} s; 8 backward passes {reference:.1f} s; ")
    print(f"ratio {verdict / reference:.2f}; peak {peak():.2f} GiB", flush=True)
    gpt = GPT()
    tokens = torch.randint(50257, (4, 32))
    inputs = Inputs.of((tokens,)).along(1).resized(6)
    started = time.process_time()
    culprit = locate(Runner(gpt), inputs, False, causal=True)
    seconds = time.process_time() - started
    where = culprit and culprit.place and (culprit.place.row, culprit.operation)
    print(f"GPT, 6 steps: {where} in {seconds:.1f} s; peak {peak():.2f} GiB")
    inputs = Inputs.of((tokens,))
    started = time.process_time()
    found = locate(Runner(gpt), inputs, False)
    seconds = time.process_time() - started
    print(f"GPT, batch of 4 and 32 steps: {found} in {seconds:.1f} s; peak {peak():.2f} GiB")


if __name__ == "__main__":
    main()
