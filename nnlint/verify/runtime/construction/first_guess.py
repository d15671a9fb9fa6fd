"""First guesses at what `forward` takes: from names, annotations, layers and documentation."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from torch import nn

from ..sources import nodes_of
from .annotated import annotated
from .constructing import annotations_of
from .documented import documentation_of, shape_of_all, shapes_named
from .guesses import VOCABULARY, by_name
from .known import known_specs, like, with_examples
from .specs import (
    BATCH,
    BOOL,
    CONSTANT,
    DICT,
    FLOAT,
    HEIGHT,
    LIST,
    LONG,
    NONE,
    PRIMES,
    TIME,
    WIDTH,
    Spec,
)

_TOKENS = re.compile(
    r"(^|_)(ids?|idx|tokens?|indices|words?|text|sentence|captions?|src|tgt|trg|seq|inputs?_ids|targets?|labels?|y|item|user)s?$"
)
_MASK = re.compile(r"mask")
LENGTHS = re.compile(r"len(gth)?s?$|_lens?$")
"""Names of vectors that say how many steps of each example there are."""
_SHARES = re.compile(r"wav_?len|rel_?len|relative")
"""Names of lengths that are shares of the longest."""
_ADJACENCY = re.compile(
    r"^(adj(acency|acent)?(_?mat(rix|rices)?)?|a_hat|affinity|laplacian|bonds|links)s?$"
)
"""Names of matrices of all nodes by all nodes."""
_CHANNELS = re.compile(r"^(c$|ch|in_|n_?ch|num_ch|dim|feat|emb|hid|d_)")
_STEP = re.compile(r"^(t|ts|time|timesteps?|noise_level|step|sigma|temb?)$")
_LISTED = re.compile(r"^(features|feats|inputs|xs|feature_maps|skips|hidden_states|outs|\w+_list)$")
_NUMBER = re.compile(r"^(h|w|height|width|hw|size|scale_factor)$", re.IGNORECASE)


class Facts:
    """What a built model tells about its inputs."""

    def __init__(self, model: nn.Module, arguments: dict[str, Any]) -> None:
        self.model, self.arguments = model, arguments
        self.layers = [m for m in model.modules() if not list(m.children())]
        self.forward = type(model).forward
        self.documentation = documentation_of(model)
        nodes = nodes_of(self.forward)
        self.unpacked = dict(_unpackings(nodes))
        self.keyed = set(_keyed(nodes))
        self.whole = set(_used_whole(nodes))
        self.hints = annotations_of(self.forward)
        self.parameters = list(inspect.signature(self.forward).parameters.values())[1:]
        self.of_nodes = any(_ADJACENCY.match(p.name.lower()) for p in self.parameters)
        """Whether a matrix says which nodes of an example are linked."""
        self._named: dict[str, int] = {}
        self.embeddings = [m for m in self.layers if isinstance(m, (nn.Embedding, nn.EmbeddingBag))]

    @property
    def vocabulary(self) -> int:
        """The smallest embedding table."""
        return min((e.num_embeddings for e in self.embeddings), default=VOCABULARY)

    def first(self, *kinds: type) -> Optional[Any]:
        """The first layer of the given kinds."""
        return next((m for m in self.layers if isinstance(m, kinds)), None)

    def shapes(self, name: str) -> list[tuple[int, ...]]:
        """Candidate shapes for a floating-point input, best first."""
        found = [*self._annotated(name), *self._documented(name), *self._by_layers()]
        if self.of_nodes:
            found.sort(key=lambda shape: shape[1:2] != (TIME,) or len(shape) != 3)
        rank = self.unpacked.get(name)
        if rank:
            found.sort(key=lambda shape: len(shape) != rank)
            if not any(len(shape) == rank for shape in found):
                found.insert(0, _shape(rank, self._width(rank)))
        return list(dict.fromkeys(found))

    def _width(self, rank: int) -> int:
        norm = self.first(nn.LayerNorm)
        for layer in self.layers:
            if isinstance(layer, nn.modules.conv._ConvNd) and rank >= 3:
                return int(layer.in_channels) or 16
            if isinstance(layer, nn.Linear):
                return int(layer.in_features) or 16
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                return int(layer.num_features)
        if norm is not None:
            return int(norm.normalized_shape[-1])
        weights = (p for p in self.model.parameters(recurse=False) if p.dim())
        return max((int(p.shape[0]) for p in weights), default=32)

    def _by_layers(self) -> Iterator[tuple[int, ...]]:
        for layer in self.layers:
            if isinstance(layer, nn.modules.conv._ConvNd):
                rank = (
                    int(type(layer).__name__.replace("Transpose", "")[-2:-1]) + 2
                    if type(layer).__name__[-2:-1].isdigit()
                    else layer.weight.dim()
                )
                yield _shape(rank, layer.in_channels or 16)
                break
            if isinstance(layer, nn.RNNBase):
                yield (BATCH, TIME, layer.input_size)
                break
            if isinstance(layer, nn.MultiheadAttention):
                yield (BATCH, TIME, layer.embed_dim)
                break
            if isinstance(layer, nn.Linear):
                yield from (
                    (BATCH, layer.in_features or 16),
                    (BATCH, TIME, layer.in_features or 16),
                )
                break
            if isinstance(
                layer, (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
            ):
                rank = {"1": 3, "2": 4, "3": 5}.get(type(layer).__name__[-2:-1], 4)
                yield _shape(rank, layer.num_features)
                break
            if isinstance(layer, nn.GroupNorm):
                yield _shape(4, layer.num_channels)
                break
            if isinstance(layer, nn.LayerNorm):
                yield (BATCH, TIME, layer.normalized_shape[-1])
                break
        width = self._width(3)
        yield from ((BATCH, TIME, width), _shape(4, width), (BATCH, width), _shape(3, width))
        yield from (
            _shape(5, width),
            (BATCH, TIME, width, HEIGHT, WIDTH),
            (BATCH, HEIGHT, WIDTH, width),
            (BATCH, 1024),
            (BATCH,),
        )

    def _annotated(self, name: str) -> Iterator[tuple[int, ...]]:
        said = annotated(self.hints.get(name))
        if said is not None:
            yield self._bound(said.names, True)

    def _documented(self, name: str) -> Iterator[tuple[int, ...]]:
        """Shapes written as `(batch, time, dim)` near the name of the argument."""
        for names in shapes_named(self.documentation, name):
            yield self._bound(names)
        required = [p for p in self.parameters if p.default is p.empty]
        whole = shape_of_all(self.documentation) if len(required) == 1 else None
        if whole is not None:
            yield self._bound(whole)

    def _bound(self, names: Sequence[str], strict: bool = False) -> tuple[int, ...]:
        """Sizes for the names of a shape, the first of which is the examples."""
        first, *rest = names
        if first.isdigit():
            return tuple(self._named_size(n, i, len(names), strict) for i, n in enumerate(names))
        return (
            BATCH,
            *(
                BATCH if n == first else self._named_size(n, i, len(names), strict)
                for i, n in enumerate(rest, 1)
            ),
        )

    def _named_size(self, name: str, axis: int, rank: int, strict: bool) -> int:
        plain = name.lower()
        if plain.isdigit():
            return int(plain)
        known = self.arguments.get(plain, getattr(self.model, plain, None))
        if isinstance(known, int) and not isinstance(known, bool) and known > 0:
            return known
        if re.search(r"^(h|w|d|height|width|depth)$", plain):
            return HEIGHT
        if re.search(r"^(t|l|s|time|len\w*|seq\w*|steps?|frames?|length)", plain):
            return TIME
        if (_CHANNELS.search(plain) and (strict or axis == 1)) or (axis == rank - 1 and not strict):
            return self._width(rank)
        # one name means one size everywhere, and two names two
        return self._named.setdefault(plain, PRIMES[len(self._named) % len(PRIMES)])


def _shape(rank: int, width: int) -> tuple[int, ...]:
    if rank <= 2:
        return (BATCH, width)[:rank]
    if rank == 3:
        return (BATCH, width, HEIGHT)
    return (BATCH, width, *(HEIGHT,) * (rank - 2))


def _unpackings(nodes: list[ast.AST]) -> Iterator[tuple[str, int]]:
    """`b, c, h, w = x.shape` (or `.size()`): the rank of an argument."""
    for node in nodes:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple):
            continue
        value = node.value.func if isinstance(node.value, ast.Call) else node.value
        if isinstance(value, ast.Attribute) and value.attr in ("shape", "size"):
            if isinstance(value.value, ast.Name):
                if not any(isinstance(e, ast.Starred) for e in node.targets[0].elts):
                    yield value.value.id, len(node.targets[0].elts)


def _used_whole(nodes: list[ast.AST]) -> Iterator[str]:
    """Arguments that are tensors by their use: `self.project(features)`, `features * weights`."""
    for node in nodes:
        if isinstance(node, ast.BinOp):
            yield from (n.id for n in (node.left, node.right) if isinstance(n, ast.Name))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in ("shape", "size", "dim", "view", "reshape", "transpose", "permute"):
                yield node.value.id


def _keyed(nodes: list[ast.AST]) -> Iterator[str]:
    """Arguments that are read by a word: `features["low_level"]`."""
    for node in nodes:
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                yield node.value.id


def first_guesses(facts: Facts, known: Sequence[dict[str, Any]] = ()) -> list[tuple[Spec, ...]]:
    """Specifications of the required arguments of `forward`, a few alternatives each.

    Parameters:
        known: for each call that the static side knows, its arguments by name; these come
            first.
    """
    hints = facts.hints
    columns: list[list[Spec]] = []
    for parameter in facts.parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL and columns:
            # what else may be given is not made up
            continue
        if parameter.default is not parameter.empty and columns:
            continue
        keyword = parameter.kind is parameter.KEYWORD_ONLY
        options = _options(parameter, hints.get(parameter.name), facts, not columns)
        if parameter.kind is parameter.VAR_POSITIONAL:
            spread = [o.items for o in options if o.kind == LIST]
            return [tuple(items) for items in spread] + [(s,) for s in options if s.kind == FLOAT]
        columns.append([Spec(**{**vars_of(o), "keyword": keyword}) for o in options])
    if not columns:
        return [()]
    rows = [row for call in known for row in _known_rows(call, columns, facts)] + _rows(columns)
    return list({tuple(s.key for s in row): row for row in rows}.values())


def _rows(columns: list[list[Spec]]) -> list[tuple[Spec, ...]]:
    """The n-th alternatives of all columns together."""
    depth = max(len(column) for column in columns)
    return [tuple(column[min(i, len(column) - 1)] for column in columns) for i in range(depth)]


def _known_rows(
    call: dict[str, Any], columns: list[list[Spec]], facts: Facts
) -> Iterator[tuple[Spec, ...]]:
    """The arguments of a known call; what it does not tell takes a few alternatives."""
    for told in known_specs(call, facts.arguments, facts.model):
        filled = []
        for column in columns:
            spec = told.pop(column[0].name, None)
            if spec is None:
                filled.append(column[:3])
                continue
            kinds = {like(spec, guess).key: like(spec, guess) for guess in column}
            keyword = column[0].keyword
            filled.append([dataclasses.replace(s, keyword=keyword) for s in kinds.values()])
        # what has a default, and the call gives nevertheless
        more = (s for s in told.values() if s.kind not in (NONE, CONSTANT))
        filled += [[dataclasses.replace(s, keyword=True)] for s in more]
        for row in _rows(filled):
            yield with_examples(row)
            yield row


def vars_of(spec: Spec) -> dict[str, Any]:
    """The fields of a specification."""
    return {name: getattr(spec, name) for name in Spec.__dataclass_fields__}


def _options(parameter: inspect.Parameter, hint: Any, facts: Facts, is_first: bool) -> list[Spec]:
    name, plain = parameter.name, parameter.name.lower()
    text = str(hint)
    floats = [Spec(name, FLOAT, shape) for shape in facts.shapes(name)]
    tokens = [Spec(name, LONG, s, facts.vocabulary) for s in ((BATCH, TIME), (BATCH,))]
    said = annotated(hint)
    if said is not None and said.kind != FLOAT:
        return [Spec(name, said.kind, s, facts.vocabulary) for s in facts.shapes(name)[:2]]
    if hint in (int, float, bool, str):
        return [Spec(name, CONSTANT, value=v) for v in _constants(hint, name)]
    if re.search(r"Dict|dict|Mapping", text) or name in facts.keyed:
        return [Spec(name, DICT)]
    if (
        re.search(r"\b[Ll]ist\[|Sequence\[", text)
        or (_LISTED.match(plain) and name not in facts.whole)
        or (parameter.kind is parameter.VAR_POSITIONAL)
    ):
        return [*_lists(name, facts), *floats]
    if _ADJACENCY.match(plain):
        squares = ((BATCH, TIME, TIME), (BATCH, BATCH), (TIME, TIME))
        return [*(Spec(name, FLOAT, s, positive=True) for s in squares), *floats[:2]]
    if _MASK.search(plain):
        shapes = ((BATCH, TIME), (BATCH, 1, TIME), (TIME, TIME), (BATCH, 1, 1, TIME))
        return [Spec(name, NONE), *(Spec(name, BOOL, s) for s in shapes)]
    if LENGTHS.search(plain):
        steps = Spec(name, LONG, (BATCH,), TIME, positive=True)
        shares = Spec(name, FLOAT, (BATCH,), positive=True)
        # with several shapes of what they are the lengths of
        return [shares, steps] if _SHARES.search(plain) else [steps, steps, steps, shares]
    if _STEP.match(plain) and not is_first:
        return [
            Spec(name, FLOAT, (BATCH,)),
            Spec(name, LONG, (BATCH,), 10),
            Spec(name, FLOAT, (BATCH, 1)),
        ]
    if _NUMBER.match(plain) and not is_first:
        return [Spec(name, CONSTANT, value=4)]
    if "Long" in text or (facts.embeddings and (_TOKENS.search(plain) or is_first)):
        return [*tokens, *floats]
    return [*floats, *tokens] if is_first else [*floats[:4], *tokens]


def _constants(hint: Any, name: str) -> list[Any]:
    return [v for v in by_name(name) if type(v) is hint] or [hint(1)]


def _lists(name: str, facts: Facts) -> Iterator[Spec]:
    """Lists whose lengths and channels match a list among the constructor's arguments."""
    for value in facts.arguments.values():
        if isinstance(value, (list, tuple)) and value and all(type(v) is int for v in value):
            items = [
                Spec(str(i), FLOAT, (BATCH, c, max(1, 64 >> i), max(1, 64 >> i)))
                for i, c in enumerate(value)
            ]
            yield Spec(name, LIST, items=tuple(items))
            flat = [Spec(str(i), FLOAT, (BATCH, c)) for i, c in enumerate(value)]
            yield Spec(name, LIST, items=tuple(flat))
    for shape in facts.shapes(name)[:3]:
        for count in (2, 3, 4):
            yield Spec(name, LIST, items=tuple(Spec(str(i), FLOAT, shape) for i in range(count)))
