"""Inputs and arguments that a model compares, takes apart, or looks up in one table for all."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnlint.verify.knowledge import knowledge_of
from nnlint.verify.runtime.construction.building import build
from nnlint.verify.runtime.construction.comparisons import compared_sizes
from nnlint.verify.runtime.construction.fitting import fit_inputs
from nnlint.verify.targets import Target

HEAD = "import torch\nfrom torch import nn\n\n\n"


def built(tmp_path, body: str, known: bool = False):
    path = tmp_path / "net.py"
    path.write_text(HEAD + body)
    knowledge = knowledge_of(Target("Net", file=str(path))) if known else None
    return build(str(path), "Net", budget=40, knowledge=knowledge)


ASSERTED = """
class Net(nn.Module):
    def __init__(self, width, grid):
        super().__init__()
        self.grid, self.layer = grid, nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        rows, columns = self.grid
        b, n, c = x.shape
        assert n == rows * columns, "wrong number of patches"
        return self.layer(x.mT.reshape(b, c, rows, columns)).flatten(2).mT
"""
RAISED = """
class Merge(nn.Module):
    def __init__(self, input_resolution, width):
        super().__init__()
        self.input_resolution, self.layer = input_resolution, nn.Linear(4 * width, width)

    def forward(self, x):
        h, w = self.input_resolution
        if x.size(1) != h * w or h % 2:
            raise ValueError("bad length")
        cells = x.view(len(x), h // 2, 2, w // 2, 2, -1).transpose(2, 3)
        return self.layer(cells.flatten(3))

    def extra(self):
        return 0


class Net(nn.Module):
    def __init__(self, input_resolution, dim):
        super().__init__()
        self.norm, self.merge = nn.LayerNorm(dim), Merge(input_resolution, dim)

    def forward(self, x):
        return self.merge(self.norm(x))
"""
PAIRED = """
class Net(nn.Module):
    def __init__(self, extent, channels=3):
        super().__init__()
        self.extent, self.layer = extent, nn.Conv2d(channels, 4, 3)

    def sides(self):
        height, width = self.extent
        return height, width

    def forward(self, image):
        height, width = self.sides()
        size = tuple(image.shape[-2:])
        assert size == (height, width)
        return self.layer(image)
"""


@pytest.mark.parametrize("body", [ASSERTED, RAISED, PAIRED])
def test_pairs_and_what_they_are_compared_with_are_found(tmp_path, body: str):
    found = built(tmp_path, body)
    assert found.inputs is not None, found.problem


class Refuses(nn.Module):
    def __init__(self, way: str):
        super().__init__()
        self.way, self.sizes = way, (3, 4)

    def forward(self, x):
        if self.way == "assert":
            assert x.shape[0] == 7 and x.shape[1] == self.sizes[0]
        elif self.way == "raise":
            if x.shape[1] != self.sizes[1] * 5:
                raise ValueError(x.shape)
        elif self.way == "called":
            assert self.of(x) == 4
        else:
            x.view(99)

    def of(self, x):
        raise AssertionError(f"{x.shape} is looked at and not run")


@pytest.mark.parametrize(
    ("way", "sizes"),
    [("assert", [(5, 7), (6, 3)]), ("raise", [(6, 20)]), ("called", []), ("view", [])],
)
def test_only_what_refuses_is_read_and_nothing_is_called(way: str, sizes: list[tuple[int, int]]):
    with pytest.raises(Exception) as caught:
        Refuses(way)(torch.zeros(5, 6))
    assert list(compared_sizes(caught.value)) == sizes


class SharedTable(nn.Module):
    """Columns have a part each of one table."""

    def __init__(self, fields: tuple[int, ...]):
        super().__init__()
        self.offsets = torch.tensor((0, *fields[:-1])).cumsum(0)
        self.table = nn.Embedding(sum(fields), 4)

    def forward(self, x):
        return self.table(x + self.offsets).sum(1)


class SharedBag(SharedTable):
    def __init__(self, fields: tuple[int, ...]):
        super().__init__(fields)
        self.table = nn.EmbeddingBag(sum(fields), 4)

    def forward(self, columns):
        return self.table(columns + self.offsets)


class Doubled(SharedTable):
    """Signs and places beside each other: the second half of the table."""

    def forward(self, ids):
        return self.table(ids) + self.table(ids + self.table.num_embeddings // 2)


@pytest.mark.parametrize("kind", [SharedTable, SharedBag, Doubled])
def test_ids_are_as_many_as_the_table_has_room_for(kind: type[nn.Module]):
    inputs = fit_inputs(kind((40, 30, 25)), {})
    ((_, ids),) = inputs.tensors
    assert int(ids.max()) > 2


IDS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(9, 6)

    def forward(self, kinds):
        molecules, atoms = kinds.shape
        place = torch.arange(molecules).repeat(atoms)
        return torch.zeros(molecules, 6).index_add(0, place, self.table(kinds.flatten()))
"""
TILES = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(7, 4)

    def forward(self, slides):
        slide_count, tile_count, width = slides.shape
        seen = self.layer(slides.reshape(-1, 7)).view(tile_count, slide_count, 4)
        return seen.softmax(1).transpose(0, 1)
"""
SETS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.Embedding(9, 6), nn.Linear(3, 6)

    def forward(self, kinds, places):
        sets, members = kinds.shape
        return (self.table(kinds) + self.layer(places.view(sets, members, 3))).sum(1)
"""
NODES = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(7, 4)

    def forward(self, nodes):
        how_many, width = nodes.shape
        return (nodes @ nodes.t()).softmax(1) @ self.layer(nodes)
"""


@pytest.mark.parametrize(
    ("body", "axis"), [(IDS, True), (TILES, True), (SETS, True), (NODES, False)]
)
def test_what_only_has_names_begins_with_the_examples(tmp_path, body: str, axis: bool):
    found = built(tmp_path, body, known=True)
    assert found.inputs is not None, found.problem
    assert any(slot.axis == 0 for slot in found.inputs.slots.values()) == axis
