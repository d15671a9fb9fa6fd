"""Which files take part, told by their bytes."""

from __future__ import annotations

import pytest

from nnlint.project.ecosystem import takes_part


@pytest.mark.parametrize(
    "text",
    [
        "import torch\n",
        "\x0cimport torch\n",
        "    \x0cfrom torch import nn\n",
        "import \\\n    torch\n",
        "from \\\r\n    torch import nn\r\n",
        "import os, \\\n    torch\n",
        "try: import torch\nexcept ImportError: torch = None\n",
        "if __debug__: from torch import nn\n",
        "def keep(net):\n    return net.state_dict()\n",
        "def freeze(part):\n    part.requires_grad = False\n",
        "def freeze(part):\n    part.requires_grad_(False)\n",
        "def parts(net):\n    return list(net.named_children())\n",
    ],
)
def test_takes_part(text: str) -> None:
    assert takes_part(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "import os\n# import torch\n",
        "print('try: import torch')\n",
        "import torchless\n",
        "import jax\n\n\ndef keep(net):\n    return net.state_dict()\n",
        "from tinygrad import nn\n\n\ndef freeze(part):\n    part.requires_grad = False\n",
        "state = dict(state=1)\nprint(state['state_dict'])\n",
    ],
)
def test_takes_no_part(text: str) -> None:
    assert not takes_part(text.encode())
