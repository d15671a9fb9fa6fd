"""What operations do to axes, against torch: the sizes of the result, and where elements go."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from test_axes_regroup import number
from torch import nn
from torch.nn import functional as F

from nnlint.semantics.axes import Shape, display, one_axis, same_sizes
from nnlint.semantics.axes.sizes import Size, Symbol, Symbols, size
from nnlint.semantics.axes.transfer import UNKNOWN, transfer
from nnlint.semantics.axes.transfer.call import UnknownShape
from nnlint.semantics.axes.transfer.joining import INTEGER, Mask, Rows, index_shape

SIZES = {"B": 2, "T": 5, "C": 24, "H": 12, "W": 20, "S": 3, "K": 7, "one": 1}
ROLES = {"B": "batch", "T": "time", "C": "channel", "H": "height", "W": "width"}


class World:
    """Symbols by name, and the number that each stands for."""

    def __init__(self) -> None:
        self.symbols = Symbols()
        self.named = {n: Symbol(n, ROLES.get(n, "")) for n in SIZES}
        self.values = {s: SIZES[n] for n, s in self.named.items()}

    def shape(self, text: str) -> Shape:
        """`"B T C"` as a shape; `1` and other numbers as they are."""
        return tuple(one_axis(self.size(word)) for word in text.split())

    def size(self, word: str) -> Size:
        """A name or a number as a size."""
        return Size(int(word)) if word.isdigit() else size(self.named[word])

    def tensor(self, text: str) -> torch.Tensor:
        """A tensor of that shape whose elements tell where they were."""
        dims = [SIZES.get(word) or int(word) for word in text.split()]
        return torch.arange(math.prod(dims), dtype=torch.float32).reshape(dims)

    def numbers(self, shape: Shape) -> list[int]:
        """A shape's sizes as numbers."""
        return [math.prod(number(a.size, self.values) for a in d) for d in shape]


MOVEMENTS: list[tuple[str, str, dict[str, Any], Any]] = [
    ("permute", "B C H W", {"dims": (0, 2, 3, 1)}, lambda x: x.permute(0, 2, 3, 1)),
    ("permute", "B C H W", {"dims": ((0, -1, 1, 2),)}, lambda x: x.permute(0, -1, 1, 2)),
    ("transpose", "B T C", {"dim0": 1, "dim1": -1}, lambda x: x.transpose(1, -1)),
    ("matrix_transpose", "B T C", {}, lambda x: x.mT),
    ("movedim", "B C H W", {"source": 1, "destination": -1}, lambda x: x.movedim(1, -1)),
    (
        "movedim",
        "B C H W",
        {"source": (0, 1), "destination": (2, 0)},
        lambda x: x.movedim((0, 1), (2, 0)),
    ),
    ("movedim", "B C H W", {"source": 3, "destination": 1}, lambda x: x.movedim(3, 1)),
    ("flatten", "B C H W", {"start_dim": 2, "end_dim": -1}, lambda x: x.flatten(2)),
    ("flatten", "B C H W", {"start_dim": 0, "end_dim": 1}, lambda x: x.flatten(0, 1)),
    ("ravel", "B T C", {}, lambda x: x.ravel()),
    ("unflatten", "B C", {"dim": 1, "sizes": (4, -1)}, lambda x: x.unflatten(1, (4, -1))),
    ("unsqueeze", "B C", {"dim": -1}, lambda x: x.unsqueeze(-1)),
    ("squeeze", "B 1 C", {"dim": 1}, lambda x: x.squeeze(1)),
    ("squeeze", "B 1 C 1", {"dim": (1, 3)}, lambda x: x.squeeze((1, 3))),
    ("squeeze", "B 1 C 1", {"dim": None}, lambda x: x.squeeze()),
    ("select", "B T C", {"dim": 1, "index": 0}, lambda x: x.select(1, 0)),
    ("chunk", "B T C", {"dim": 2, "chunks": 4}, lambda x: x.chunk(4, 2)),
    ("split", "B T 24", {"dim": -1, "split_size": 8}, lambda x: x.split(8, -1)),
    ("split", "B T 24", {"dim": 2, "split_size": (20, 4)}, lambda x: x.split((20, 4), 2)),
    ("tensor_split", "B C", {"dim": 1, "indices_or_sections": 3}, lambda x: x.tensor_split(3, 1)),
    ("unbind", "3 B C", {"dim": 0}, lambda x: x.unbind(0)),
    ("narrow", "B T C", {"dim": 1, "start": 0, "length": 2}, lambda x: x.narrow(1, 0, 2)),
    ("diagonal", "B S S", {"dim1": -2, "dim2": -1}, lambda x: x.diagonal(dim1=-2, dim2=-1)),
    ("topk", "B C", {"dim": -1, "k": 5}, lambda x: x.topk(5).values),
    ("unfold", "B 24", {"dimension": 1, "size": 4, "step": 4}, lambda x: x.unfold(1, 4, 4)),
    ("reduce", "B T C", {"dim": 1, "keepdim": False}, lambda x: x.sum(1)),
    ("reduce", "B C H W", {"dim": (2, 3), "keepdim": True}, lambda x: x.mean((2, 3), keepdim=True)),
    ("reduce", "B T C", {"dim": None}, lambda x: x.sum()),
    ("one_hot", "B T", {"num_classes": 11}, lambda x: F.one_hot(x.long(), 11)),
    ("expand", "B 1 C", {"size": (-1, 4, -1)}, lambda x: x.expand(-1, 4, -1)),
    ("expand", "1 C", {"size": (3, 4, -1)}, lambda x: x.expand(3, 4, -1)),
    ("repeat", "B C", {"repeats": (2, 3, 1)}, lambda x: x.repeat(2, 3, 1)),
    ("tile", "B C", {"dims": (3,)}, lambda x: x.tile(3)),
    ("glu", "B C", {"dim": -1}, lambda x: F.glu(x)),
    (
        "repeat_interleave",
        "B C",
        {"repeats": 3, "dim": 0},
        lambda x: x.repeat_interleave(3, dim=0),
    ),
]


@pytest.mark.parametrize(("name", "source", "arguments", "run"), MOVEMENTS)
def test_sizes_are_those_of_torch(name, source, arguments, run):
    world = World()
    found = transfer(name, [world.shape(source)], arguments, world.symbols)
    result = run(world.tensor(source))
    if isinstance(found, list):
        assert [world.numbers(f) for f in found] == [list(r.shape) for r in result]
    else:
        assert world.numbers(found) == list(result.shape)


@pytest.mark.parametrize(
    ("name", "source", "arguments", "run"),
    [m for m in MOVEMENTS if m[0] in ("permute", "transpose", "matrix_transpose", "movedim")],
)
def test_axes_go_where_torch_moves_them(name, source, arguments, run):
    world = World()
    found = transfer(name, [world.shape(source)], arguments, world.symbols)
    strides = dict(zip(source.split(), world.tensor(source).stride(), strict=True))
    expected = [strides[display((d,)).strip("(),")] for d in found]
    assert list(run(world.tensor(source)).stride()) == expected


@pytest.mark.parametrize("interleaved", [False, True])
def test_copies_lie_where_torch_puts_them(interleaved):
    world = World()
    x = world.tensor("B C")
    name = "repeat_interleave" if interleaved else "repeat"
    arguments = {"repeats": 3, "dim": 0} if interleaved else {"repeats": (3, 1)}
    found = transfer(name, [world.shape("B C")], arguments, world.symbols)
    copies = x.repeat_interleave(3, dim=0) if interleaved else x.repeat(3, 1)
    fine = copies.view([number(a.size, world.values) for d in found for a in d])
    batch = next(i for i, a in enumerate(found[0]) if a.meaning == "batch")
    for i in range(SIZES["B"]):
        assert torch.equal(fine.select(batch, i), x[i].expand(3, -1))


def conv(kernel: Any, stride: int = 1, padding: Any = 0, dilation: int = 1) -> dict[str, Any]:
    """The arguments that decide the sizes of a 2-D convolution."""
    return {
        "out_channels": 8,
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "dimensions": 2,
    }


CONVOLUTIONS = [
    (3, 1, 1, 1),
    (1, 1, 0, 1),
    (3, 1, 0, 1),
    (4, 4, 0, 1),
    (4, 2, 1, 1),
    (5, 1, 4, 2),
    ((3, 1), 1, (1, 0), 1),
    ((3, 20), 1, 0, 1),
]
LAYERS: list[tuple[str, str, nn.Module, dict[str, Any]]] = [
    ("linear", "B T C", nn.Linear(24, 8), {"out_features": 8}),
    *(("conv", "B C H W", nn.Conv2d(24, 8, *given), conv(*given)) for given in CONVOLUTIONS),
    ("conv", "B C 13 17", nn.Conv2d(24, 8, 3, 2), conv(3, 2)),
    (
        "conv",
        "B C T",
        nn.Conv1d(24, 8, 3, padding="same"),
        {**conv(3, 1, "same"), "dimensions": 1},
    ),
    (
        "conv_transpose",
        "B C H W",
        nn.ConvTranspose2d(24, 8, 4, 2, 1),
        {**conv(4, 2, 1), "output_padding": 0},
    ),
    (
        "conv_transpose",
        "B C 6 6",
        nn.ConvTranspose2d(24, 8, 3, 2, 1, output_padding=1),
        {**conv(3, 2, 1), "output_padding": 1},
    ),
    ("pool", "B C H W", nn.MaxPool2d(2), {"kernel_size": 2, "stride": None, "dimensions": 2}),
    ("pool", "B C 11 11", nn.MaxPool2d(3, 2, 1), conv(3, 2, 1)),
    ("adaptive_pool", "B C H W", nn.AdaptiveAvgPool2d(1), {"output_size": 1, "dimensions": 2}),
    (
        "adaptive_pool",
        "B C H W",
        nn.AdaptiveAvgPool2d((None, 4)),
        {"output_size": (None, 4), "dimensions": 2},
    ),
    ("upsample", "B C H W", nn.Upsample(scale_factor=2), {"size": None, "scale_factor": 2}),
    ("upsample", "B C H W", nn.Upsample(size=(9, 8)), {"size": (9, 8), "scale_factor": None}),
    ("pixel_shuffle", "B C H W", nn.PixelShuffle(2), {"upscale_factor": 2}),
    ("pixel_shuffle", "B C H W", nn.PixelUnshuffle(2), {"downscale_factor": 2, "inverse": True}),
    ("pad", "B C H W", nn.ZeroPad2d(2), {"padding": 2, "dimensions": 2}),
    ("pad", "B C H W", nn.ZeroPad2d((1, 2, 0, 0)), {"padding": (1, 2, 0, 0), "dimensions": 2}),
]


@pytest.mark.parametrize(("name", "source", "layer", "arguments"), LAYERS)
def test_layers_give_the_sizes_of_torch(name, source, layer, arguments):
    world = World()
    found = transfer(name, [world.shape(source)], arguments, world.symbols)
    assert world.numbers(found) == list(layer(world.tensor(source)).shape)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
def test_recurrent_layers(batch_first, bidirectional, layers, cell):
    world = World()
    options = {
        "num_layers": layers,
        "batch_first": batch_first,
        "bidirectional": bidirectional,
        "hidden_size": 6,
    }
    layer = cell(24, 6, layers, batch_first=batch_first, bidirectional=bidirectional)
    source = "B T C" if batch_first else "T B C"
    arguments = {**options, "cell": "lstm" if cell is nn.LSTM else "gru"}
    output, states = transfer("rnn", [world.shape(source)], arguments, world.symbols)
    seen, last = layer(world.tensor(source))
    assert world.numbers(output) == list(seen.shape)
    for found, state in zip(states, last, strict=True) if cell is nn.LSTM else [(states, last)]:
        assert world.numbers(found) == list(state.shape)
        assert [a.meaning for a in found[1]] == ["batch"]


@pytest.mark.parametrize("batch_first", [False, True])
def test_attention_gives_output_and_weights(batch_first):
    world = World()
    layer = nn.MultiheadAttention(24, 4, batch_first=batch_first)
    query, key = ("B T C", "B S C") if batch_first else ("T B C", "S B C")
    arguments = {"embed_dim": 24, "batch_first": batch_first}
    shapes = [world.shape(query), world.shape(key), world.shape(key)]
    found = transfer("attention", shapes, arguments, world.symbols)
    tensors = [world.tensor(t) for t in (query, key, key)]
    assert [world.numbers(f) for f in found] == [list(r.shape) for r in layer(*tensors)]


@pytest.mark.parametrize(
    ("name", "sources", "arguments", "run"),
    [
        ("matmul", ["B T C", "C S"], {}, torch.matmul),
        ("matmul", ["B T C", "B C S"], {}, torch.bmm),
        ("matmul", ["B T C", "C"], {}, torch.matmul),
        ("matmul", ["C", "C"], {}, torch.matmul),
        ("matmul", ["B 1 T C", "S C K"], {}, torch.matmul),
        ("added_matmul", ["B T K", "B T C", "B C K"], {}, torch.baddbmm),
        ("outer", ["B", "C"], {}, torch.outer),
        ("distances", ["B T C", "B S C"], {}, torch.cdist),
        ("similarity", ["B T C", "B T C"], {"dim": -1}, lambda a, b: F.cosine_similarity(a, b, -1)),
        ("broadcast", ["B 1 C", "T 1"], {}, torch.add),
        ("broadcast", ["C", "B T C"], {}, torch.add),
        ("cat", ["B T C", "B T C"], {"dim": -1, "count": 2}, lambda *x: torch.cat(x, -1)),
        ("cat", ["B 1 C", "B T C"], {"dim": 1, "count": 2}, lambda *x: torch.cat(x, 1)),
        ("stack", ["B C", "B C", "B C"], {"dim": 1, "count": 3}, lambda *x: torch.stack(x, 1)),
        ("gather", ["B T", "B S"], {"dim": 1}, lambda x, i: x.gather(1, i.long() % 5)),
        ("embedding", ["B T"], {"embedding_dim": 9}, lambda i: nn.Embedding(99, 9)(i.long())),
        ("functional_linear", ["B T C", "K C"], {}, F.linear),
    ],
)
def test_several_tensors(name, sources, arguments, run):
    world = World()
    found = transfer(name, [world.shape(s) for s in sources], arguments, world.symbols)
    assert world.numbers(found) == list(run(*(world.tensor(s) for s in sources)).shape)


@pytest.mark.parametrize("indexing", ["ij", "xy"])
def test_meshgrid(indexing):
    world = World()
    found = transfer("meshgrid", [world.shape(s) for s in "HWC"], {"indexing": indexing})
    grids = torch.meshgrid(*(world.tensor(s) for s in "HWC"), indexing=indexing)
    assert [world.numbers(f) for f in found] == [list(grid.shape) for grid in grids]


def test_eye():
    world = World()
    square = transfer("eye", [], {"n": world.size("T"), "m": None}, world.symbols)
    wide = transfer("eye", [], {"n": world.size("T"), "m": 3}, world.symbols)
    assert [world.numbers(found) for found in (square, wide)] == [[5, 5], [5, 3]]


@pytest.mark.parametrize("name", ["functional_linear", "functional_conv"])
def test_a_weight_without_axes_tells_no_width(name):
    """A shape that is wrong makes the result unknown; it stops nothing."""
    world = World()
    shapes = [world.shape("B C H W"), ()]
    found = transfer(name, shapes, {"dimensions": 2}, world.symbols)
    assert found is not None
    assert len(found) == 4


def test_a_number_times_what_is_not_known_is_not_known():
    """`largest * rounded(weight)`: the other side may have any axes."""
    world = World()
    given = {"input": UNKNOWN, "other": UNKNOWN}
    assert transfer("broadcast", [()], given, world.symbols) is None
    assert transfer("broadcast", [()], {**given, "other": 0.5}, world.symbols) == ()
    assert transfer("broadcast", [()], {"input": (), "other": 2}, world.symbols) == ()
    wide = world.shape("B T C")
    assert transfer("broadcast", [wide], {"input": (), "other": UNKNOWN}, world.symbols) == wide


@pytest.mark.parametrize(
    ("equation", "sources"),
    [
        ("bthc,bshc->bhts", ["B T K C", "B S K C"]),
        ("b t c, k c -> b t k", None),
        ("...tc,...sc->...ts", ["B K T C", "B K S C"]),
        ("btc,btc->b", ["B T C", "B T C"]),
        ("ij,jk", ["T C", "C K"]),
        ("ii->i", ["S S"]),
    ],
)
def test_einsum(equation, sources):
    world = World()
    if sources is None:
        sources = ["B T C", "K C"]
    shapes = [world.shape(s) for s in sources]
    found = transfer("einsum", shapes, {"equation": equation}, world.symbols)
    result = torch.einsum(equation.replace(" ", ""), *(world.tensor(s) for s in sources))
    assert world.numbers(found) == list(result.shape)


@pytest.mark.parametrize(
    ("pattern", "source", "lengths", "shown"),
    [
        ("b t (h d) -> (b h) t d", "B T C", {"h": 4}, "(B·4, T, C/4)"),
        ("b c h w -> b (h w) c", "B C H W", {}, "(B, H·W, C)"),
        ("b c (h p) (w q) -> b (h w) (p q c)", "B C H W", {"p": 4, "q": 4}, "(B, H/4·W/4, 4·4·C)"),
        ("b ... c -> b c ...", "B H W C", {}, "(B, C, H, W)"),
        ("b c -> b 1 c", "B C", {}, "(B, 1, C)"),
        ("b c -> (b r) c", "B C", {"r": 3}, "(B·r, C)"),
        ("b 1 c -> b c", "B 1 C", {}, "(B, C)"),
        ("b t c -> b c", "B T C", {}, "(B, C)"),
        ("b () c -> b c", "B 1 C", {}, "(B, C)"),
    ],
)
def test_einops(pattern, source, lengths, shown):
    world = World()
    found = transfer(
        "einops", [world.shape(source)], {"pattern": pattern, **lengths}, world.symbols
    )
    assert display(found) == shown


@pytest.mark.parametrize(
    "pattern", ["b t c", "b (t c -> b t c", "b -> c", "b t -> b t", "b t d e -> b"]
)
def test_patterns_that_do_not_fit(pattern):
    world = World()
    assert transfer("einops", [world.shape("B T C")], {"pattern": pattern}, world.symbols) is None


INDICES: list[tuple[str, tuple[Any, ...]]] = [
    ("B T C", (0,)),
    ("B T C", (slice(None), -1)),
    ("B T C", (..., 0)),
    ("B T C", (slice(None), None)),
    ("B T C", (slice(None), slice(1, None))),
    ("B T C", (slice(None), slice(None, -1))),
    ("B T C", (slice(None), slice(1, -1))),
    ("B T C", (slice(None), slice(None, 3), slice(2, 7))),
    ("B T C", (slice(None), slice(-3, None))),
    ("B C H W", (slice(None), slice(None), slice(None, None, 2), slice(None, None, 2))),
    ("B T C", (None, ..., slice(None, 1))),
    ("B T C", (slice(None), slice(None, 1))),
]


@pytest.mark.parametrize(("source", "index"), INDICES)
def test_indexing(source, index):
    world = World()
    found = index_shape(world.shape(source), index, world.symbols)
    assert world.numbers(found) == list(world.tensor(source)[index].shape)


@pytest.mark.parametrize("rows", [[1, 0], [2], [0, 0, 1, 2]])
def test_a_list_of_integers_has_a_length(rows):
    world = World()
    found = index_shape(world.shape("B T C"), (slice(None), Rows(len(rows))), world.symbols)
    assert world.numbers(found) == list(world.tensor("B T C")[:, rows].shape)
    unknown = index_shape(world.shape("B T C"), (slice(None), Rows(None)), world.symbols)
    assert len(unknown) == 3 and not same_sizes(unknown, found)


def test_joined_lengths_add_up():
    world = World()
    shapes = [world.shape("B T C"), world.shape("B S C"), world.shape("B 1 C")]
    found = transfer("cat", shapes, {"dim": 1, "count": 3}, world.symbols)
    again = transfer("cat", shapes[::-1], {"dim": 1, "count": 3}, world.symbols)
    assert display(found) == "(B, T+S+1, C)"
    assert same_sizes(found, again)
    unknown = transfer("cat", shapes[:1], {"dim": 1, "count": None}, world.symbols)
    assert display(unknown) == "(B, parts·T, C)"


def test_indices_that_tell_nothing():
    world = World()
    with pytest.raises(UnknownShape):
        index_shape(world.shape("B T C"), (UNKNOWN,), world.symbols)
    assert display(index_shape(world.shape("B T C"), (INTEGER,), world.symbols)) == "(T, C)"
    rows = index_shape(world.shape("B T C"), (slice(None), world.shape("S")), world.symbols)
    assert display(rows) == "(B, S, C)"


def test_equal_expressions_are_equal_sizes():
    world = World()
    heads = world.symbols.quotient(world.size("C"), Size(4))
    assert heads == world.symbols.quotient(world.size("C"), Size(4))
    assert heads * Size(4) != world.size("C")
    assert world.symbols.plus(world.symbols.plus(world.size("T"), 1), -1) == world.size("T")
    assert world.symbols.quotient(world.size("C") * Size(3), Size(3)) == world.size("C")


@pytest.mark.parametrize("name", ["nothing", "rnn", "permute", "cat", "matmul", "einsum", "expand"])
def test_what_is_not_known_has_no_shape(name):
    assert transfer(name, [None], {}) is None
    assert transfer(name, [], {}) is None


def test_truths_pick_from_the_axes_that_they_have():
    world = World()
    one = index_shape(world.shape("B T C"), (Mask(1),), world.symbols)
    assert len(one) == 3 and one[1:] == world.shape("T C")
    two = index_shape(world.shape("B T C"), (Mask(2),), world.symbols)
    assert len(two) == 2 and two[1:] == world.shape("C")
    with pytest.raises(UnknownShape):
        index_shape(world.shape("B T"), (Mask(3),), world.symbols)


def test_lists_side_by_side_are_matched():
    world = World()
    both = index_shape(world.shape("B T C"), (Rows(4), Rows(4)), world.symbols)
    assert len(both) == 2 and both[1:] == world.shape("C")
    with pytest.raises(UnknownShape):
        index_shape(world.shape("B T C"), (Rows(4), slice(None), Rows(4)), world.symbols)


def test_an_equation_tells_the_rank_of_what_is_not_known():
    world = World()
    found = transfer("einsum", [None, world.shape("B T C")], {"equation": "bqc,btc->bqt"})
    assert len(found) == 3 and found[0] == world.shape("B")[0] and found[2] == world.shape("T")[0]
