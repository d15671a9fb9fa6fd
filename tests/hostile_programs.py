"""Small programs that ask for more time or memory than they look like, by name."""

from __future__ import annotations

HEAD = """import torch
from torch import nn
import torch.nn.functional as F
layer = nn.Linear(2, 2)
x = torch.randn(2, 2)
"""
STARTS = {
    "text": "s = 'abc'",
    "bytes": "s = b'abc'",
    "number": "s = 3",
    "list": "s = [1, 2]",
    "layers": "s = [layer]",
    "tuple": "s = (layer,)",
    "unknown": "s = given",
    "tensor": "s = x",
    "size": "s, t = given.shape",
    "option": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--s', default=2, type=int)\ns = p.parse_args().s",
}
STEPS = {
    "sum": "s = s + s",
    "running sum": "s += s",
    "product": "s = s * s",
    "power": "s = s ** s",
    "difference": "s = s - s",
    "quotient": "s = s // 3 + s * 2",
    "list of two": "s = [s, s]",
    "dict of two": "s = {'a': s, 'b': s}",
    "spread": "s = [*s, *s]",
    "comparison": "s = s < s",
    "choice": "s = s if given else [s, s]",
    "call": "s = given(s, s)",
    "pairs": "s = [(a, b) for a in s for b in s]",
    "layers": "s = nn.Sequential(s, s)",
    "stack": "s = torch.stack([s, s])",
    "itself": "s = [s]\ns.append(s)",
}
ENDS = "layer(s)\nx.view(s, -1)\ntorch.zeros(s)\ntorch.optim.SGD(s, lr=s)\nprint(s)\n"


def doubled(start: str, step: str, times: int = 40) -> str:
    """A value that every step makes twice as large."""
    return f"{HEAD}{STARTS[start]}\n{(STEPS[step] + chr(10)) * times}{ENDS}"


LITERALS = {
    "a long number": "1" + "0" * 399,
    "many hex digits": "0x" + "f" * 4_500,
    "a high power": "10 ** 10 ** 10",
    "a high power by name": "pow(10, pow(10, 10))",
    "a long shift": "1 << (1 << 40)",
    "a long text": "'a' * 10 ** 10",
    "a long list": "[0] * 10 ** 9",
    "a long range": "range(10 ** 20)",
    "a long range to go over": "max(range(10 ** 9))",
    "a long range to search": "2.5 in range(10 ** 9)",
    "a list of a long range": "list(range(10 ** 9))",
    "a sorted long range": "sorted(range(10 ** 9))",
    "a wide field": "'%1000000000d' % 5",
    "a wide field of an f-string": "f'{5:1000000000}'",
    "many places": "round(5, -10 ** 9)",
    "infinity": "1e400",
    "not a number": "float('nan')",
    "nothing": "0",
    "less than nothing": "-3",
    "a fraction": "7 / 2",
    "a division by zero": "1 // 0",
    "a complex number": "1j",
    "no key": "{[]: 1}",
    "no number": "int('x')",
    "texts": "'a b'.split()",
    "a range without a step": "range(0, 10, 0)",
}
USES = """
def uses(model, n=v, layers=[layer, layer, layer]):
    layers[len(layers) / 2:], layers[v:], layers[:v], layers[::v], layers[v], 'abc'[v:], x.shape[v:]
    x[v], x[v:], x[:, ::v], x.size(v), -v, ~v, not v, v == v, v in (v,), v < v
    1 + v, v - 1, v * 2, 2 * v, v / 2, 2 // v, 2 % v, v ** 2, 2 ** v, 2 << v, v >> 1, [0] * v
    'a' * v, '%d' % v, f'{v}', '{}'.format(v), {v: v}, {v}, [*v]
    int(v), float(v), str(v), abs(v), round(v), min(v, 1), sum(v), len(v), list(v), range(v), dict(v)
    for i in range(v):
        layer(x)
    layers.insert(v, v)
    layers.pop(v)
    nn.Linear(v, v)(x), nn.Conv2d(3, 8, v, v, v)(x.view(1, 3, 8, 8)), nn.MaxPool2d(v)(x.view(1, 3, 8, 8))
    nn.ConvTranspose2d(3, 8, v, v)(torch.randn(2, 3, 8, 8)), nn.Softmax(v)(x), nn.Flatten(v, v)(x)
    x.view(v), x.view(-1, v), x.reshape(v, 2), x.permute(v, v), x.flatten(v, v), x.squeeze(v)
    x.chunk(v, v), x.split(v, v), x.sum(v), x.topk(v, v), x.repeat(v, v), x.expand(v, v)
    torch.zeros(v, v), torch.arange(v), torch.tensor(v), torch.cat([x, x], v), torch.stack([x], v)
    optimizer = torch.optim.SGD(model.parameters(), lr=v)
    for scheduler in [
        torch.optim.lr_scheduler.StepLR(optimizer, v, v),
        torch.optim.lr_scheduler.MultiStepLR(optimizer, [v, v], v),
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: v ** e * e / v),
    ]:
        for epoch in range(v):
            optimizer.zero_grad()
            F.cross_entropy(layer(x), x).backward()
            optimizer.step()
            scheduler.step()


uses(layer)
"""


def used(literal: str) -> str:
    """A literal as everything that a number can be."""
    return f"{HEAD}v = {LITERALS[literal]}\n{USES}"


def _repeated(row: str, times: int) -> str:
    return "".join(row.replace("@", str(i)) for i in range(times))


_AXES = ", ".join(["2"] * 400)
OTHERS = {
    "400 axes": f"t = torch.zeros({_AXES})\nt.view(-1, 2)\nt.view({_AXES})\n(t + t).flatten()\n",
    "400 named axes": "def f(t):\n    "
    + ", ".join(f"a{i}" for i in range(400))
    + " = t.shape\n    t.view(-1, "
    + " * ".join(f"a{i}" for i in range(400))
    + ")\nf(given)\n",
    "growing sizes": "def f(t):\n    a, b, c = t.shape\n"
    + "    a, b, c = a * b, b + c, c // a\n" * 40
    + "    t.view(a, b, c)\nf(given)\n",
    "modules of two": "class A(nn.Module):\n    def __init__(self, l, r):\n"
    "        super().__init__()\n        self.l, self.r = l, r\n    def forward(self, x):\n"
    "        return self.l(self.r(x))\na = A(layer, layer)\n"
    + "a = A(a, a)\n" * 40
    + "a.eval()\na(x)\n",
    "layers in layers that are called": "layer = nn.Sequential(layer, layer)\n" * 40
    + "layer(x)\n" * 40,
    "classes for layers": "layers = torch.utils.data.DataLoader\n"
    + "layers = nn.Sequential(layers, layers)\n" * 40
    + "layers(x, batch_size=2)\n",
    "tensors that branches make": _repeated(
        "if given.a@:\n    x = x + x\nelse:\n    x = x * x\n", 200
    )
    + "F.cross_entropy(layer(x), x).backward()\n",
    "a long sum": "loss = 0\n"
    + "loss = loss + F.cross_entropy(layer(x), x)\n" * 900
    + "loss.backward()\n",
    "early returns": "def f(x, a):\n"
    + _repeated("    if a == @:\n        return nn.Linear(@, @)(x)\n", 300)
    + "F.cross_entropy(f(x, given), x).backward()\n",
    "classes in diamonds": "class A0(nn.Module): pass\nclass B0(A0): pass\n"
    + "".join(
        f"class A{i}(A{i - 1}, B{i - 1}): pass\nclass B{i}(A{i - 1}, B{i - 1}): pass\n"
        for i in range(1, 40)
    )
    + "A39()(x)\n",
    "loops in loops": "".join(" " * i + "while given:\n" for i in range(40)) + " " * 40 + "y = x\n",
    "training in loops in loops": "o = torch.optim.SGD(layer.parameters(), 0.1)\n"
    + "".join(
        f"{' ' * i}for i{i} in given:\n{' ' * i} o.zero_grad()\n{' ' * i} if a{i}: o.step()\n"
        for i in range(18)
    )
    + " " * 18
    + "F.cross_entropy(layer(x), x).backward()\n",
    "views of joins": "a = x\n"
    + "if given:\n    a = a.view(-1, 2)\nelse:\n    a = F.dropout(a + a)\na = torch.cat([a, a])\n"
    * 150,
    "branches before a result that is thrown away": "def f(x):\n"
    + _repeated("    if given.a@:\n        x = x.abs()\n", 40)
    + "    x.squeeze(1)\n    return x\nf(layer(x))\n",
    "many appended": "s = []\n" + "s.append(layer)\n" * 900 + "nn.Sequential(*s)(x)\n",
    "lists that hold each other": "a, b = [], {}\na.append(b)\nb['a'] = a\na.append(a)\nb['b'] = b\n"
    "layer(a)\nx.view(a)\nlayer(b)\ntorch.save(b, 'b')\n",
    "stars of an unknown package": "def f():\n    from . import *\nfrom ... import *\nlayer(y)\n",
}
