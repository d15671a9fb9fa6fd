"""Values for constructor parameters, guessed from name, annotation and default.

Sizes are small and agree with each other: widths divide by heads and groups, and one
name means one value everywhere.
"""

from __future__ import annotations

import builtins
import inspect
import re
import typing
from typing import Any, Optional

import torch
from torch import nn

from .specs import BATCH

WIDTH, CHANNELS, CLASSES, HEADS, LAYERS, VOCABULARY = 32, 16, 10, 2, 2, 31

_WIDTHS: list[tuple[str, list[Any]]] = [
    (
        r"in_?(channels?|chans?|planes|features|size|dim|ch|shape|c)$|^(in|inp|cin|c1|ch|c)$|input_(dim|size|channels?|shape|features)|^(dim_in|in_dim|infeatures|in_feats?)$|in_nc|inplanes|n_?channels|^channels?$|num_input|n_inputs?|num_channels|num_features|nf$",
        [CHANNELS, 3, 1, [CHANNELS, CHANNELS], (3, 32, 32)],
    ),
    (
        r"out_?(channels?|chans?|planes|features|dim|ch|c)$|^(out|oup|cout|c2)$|planes|(out|output)_(dim|channels?|features|nc)|output_dim|num_output|n_outputs?",
        [CHANNELS, WIDTH, 1, [CHANNELS, CHANNELS]],
    ),
    (
        r"hidden|d_?model|embed|emb|width|dim|size|features|feat|units|ffn|mlp|n_?embd|d_ff|latent|state|channels|filters|rank|nhid|ninp|neurons|planes|codebook|code",
        [WIDTH, [WIDTH, WIDTH], (WIDTH,)],
    ),
]
_BY_NAME: list[tuple[str, list[Any]]] = [
    (r"(^|_)(n_?|num_?)?(heads?|nhead|n_head)$", [HEADS, 1, 4]),
    (r"(num_|n_)?(classes|labels|outputs|targets)$|^n_?class$|out_size|output_size", [CLASSES, 3]),
    (r"vocab|num_embeddings|n_?tokens?$|ntoken|num_tokens|dict_size|num_vocab", [VOCABULARY]),
    (r"pad(ding)?_(idx|index|token|id)", [0, None]),
    (r"(bos|eos|sos|cls|mask|unk|sep)_(idx|index|token|id)", [1]),
    (r"kernel|ksize|^k$|filter_size|conv_size|window_?(len|size)?$", [3, (3, 3), [3, 3, 3]]),
    (r"stride", [1, (1, 1)]),
    (r"dilation", [1, (1, 1)]),
    (r"padding|^pad$", [1, 0, "same"]),
    (r"groups?$|num_groups|cardinality", [1, 2, 4]),
    (
        r"(in|input|feature|x)_?shape$",
        [
            CHANNELS,
            (BATCH, 11, CHANNELS),
            (BATCH, 11, 13, CHANNELS),
            (CHANNELS, 32, 32),
            (3, 32, 32),
        ],
    ),
    (r"shape$", [(WIDTH,), WIDTH, (32, 32)]),
    (r"(growth|frame|(up|down)(sample|scale|sampling)?|expand|expansion)_?rates?$", [4, 2, 1]),
    (r"(sample|sampling)_?(rate|freq)|^sr$", [16000]),
    (r"drop|^p$|prob|dropout|rate$", [0.1, 0.0]),
    (r"eps(ilon)?$", [1e-5]),
    (r"momentum|alpha|beta|gamma|temperature|tau|scale$|slope|theta|lambda|weight$", [0.5, 1.0, 2]),
    (
        r"activation|^act(?!ion|or|ive)|_act$|act_layer|nonlin",
        ["relu", nn.ReLU, nn.ReLU(), "RELU", torch.relu],
    ),
    (
        r"norm_layer|normalization|norm_?type|norm_name|^norm(?!_(first|before|factor)|ali[sz]e(_|d|$))",
        [nn.LayerNorm, nn.BatchNorm2d, "batch", nn.Identity(), "instance"],
    ),
    (
        r"img_?size|image_?size|input_?resolution|^resolution|spatial_size|feat_size|input_size_?2",
        [32, (32, 32), (16, 16), [32, 32, 32]],
    ),
    (r"^patch(_?size)?$|patch_?size", [4, (4, 4), (4, 4, 4)]),
    (r"spatial_?dims?|ndim$|^dims$|^dim_?num|dimensions?$", [2, 3, 1]),
    (
        r"seq(uence)?_?len|max_?len|block_?size|context|n_?ctx|max_pos|horizon|num_?steps?|timesteps|n_?frames|length",
        [12, 32],
    ),
    (
        r"(num_|n_)?(layers|blocks|stacks|levels|stages|depth|iters|hops|experts|conv|convs|repeat|repeats|residual)$|^depths?$|nlayers|n_layer",
        [LAYERS, [1, 1], [2, 2, 2, 2], 1, 3],
    ),
    (r"n_?fft", [400]),
    *_WIDTHS,
    (r"ratio|factor|expansion|reduction|multiplier|mult|squeeze|shrink|growth", [2, 1, 0.5, 4]),
    (
        r"^(is|use|has|with|add|return|bias|do|enable|norm_first|batch_first|bidirectional|causal|affine|learn|share|residual|pretrained|training|inplace|normalize)",
        [False, True],
    ),
    (
        r"mode|type|method|kind|name|variant|style|interpolation|reduction",
        ["mean", "bilinear", "default", "sum", "same"],
    ),
    (r"device", ["cpu"]),
    (r"dtype", [torch.float32]),
    (r"^(num|n|nb|max|min|k|m)(_|$)|count|number", [2, 4, 8]),
]

_WIDTH = re.compile(
    r"(?<!spatial)_(dim|features|feats|channels|units)$|^(?!(num|n|nb|max)_).*_width$"
)
"""What is a width whatever of."""
_SIZE = re.compile(r"(^|_)(dims?|sizes?|features|feats|channels|units|width)$|^(n|num|nb)_")
"""What is a number whatever of."""

_CONFIG = re.compile(r"^(config|cfg|args|hparams|opt|options|params|configs|conf|hp|settings)$")
_MODULE = re.compile(
    r"(encoder|decoder|backbone|layer|module|block|model|net|head|fn|function|attention|attn|mlp|"
    r"ff|feed_forward|ffn|embedding|embed|generator|discriminator|src_embed|tgt_embed|bottleneck|"
    r"conv|transform|self_attn|src_attn|norm|submodule|subnet|extractor|classifier)s?$"
)


_WHOLE_MODULE = re.compile(
    r"(base_|inner_|sub_?|wrapped_)?(model|module|net|network|backbone|encoder|decoder|layer|block|"
    r"generator|discriminator|fn|func|function|feed_forward|self_attn|src_attn|student|teacher)"
)


_PLURAL = re.compile(r"(channels|sizes|dims|features|filters|depths|strides|ratios|layers|units)$")


class Config:
    """Stands in for a configuration object: attributes are guessed by their names."""

    def __init__(self) -> None:
        self.__dict__["_read"] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._read:
            self._read[name] = by_name(name)[0]
        return self._read[name]

    def __getitem__(self, name: str) -> Any:
        return getattr(self, str(name))

    def __contains__(self, name: str) -> bool:
        return False

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict, with what is not there left at its default."""
        return default

    def __setattr__(self, name: str, value: Any) -> None:
        self._read[name] = value


class Block(nn.Module):
    """A module that takes anything: a linear map of the first argument's last axis."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.size = self.d_model = self.dim = self.out_channels = width

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The first argument, mapped where it fits."""
        fits = isinstance(x, torch.Tensor) and x.shape[-1:] == (self.layer.in_features,)
        return self.layer(x) if fits else x


def lend(error: BaseException) -> bool:
    """Give every stand-in the attribute that an error misses; False if nothing is missing."""
    match = re.search(r"^'Block' object has no attribute '([a-z]\w*)'", str(error))
    if match is None or hasattr(Block, match.group(1)):
        return False
    setattr(Block, match.group(1), by_name(match.group(1))[0])
    return True


def by_name(name: str) -> list[Any]:
    """Candidate values for a parameter, best first."""
    plain = name.lower().strip("_")
    if _CONFIG.search(plain):
        return [Config(), {}]
    if _WHOLE_MODULE.fullmatch(plain):
        several = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU())
        return [Block(), several, nn.Identity(), nn.Linear(WIDTH, WIDTH), WIDTH, None]
    for pattern, values in _WIDTHS if _WIDTH.search(plain) else _BY_NAME:
        if _SIZE.search(plain) and type(values[0]) is not int:
            # `act_dim` is no activation, `n_modes` is no mode
            continue
        if re.search(pattern, plain):
            return list(values)
    if _MODULE.search(plain):
        return [Block(), nn.Identity(), nn.Linear(WIDTH, WIDTH)]
    return [WIDTH, 2, 0.5, "default", None, Block()]


def candidates(parameter: inspect.Parameter, annotation: Any) -> list[Any]:
    """Candidate values for a constructor parameter without a default, best first."""
    named = by_name(parameter.name)
    typed = _by_type(annotation, parameter.name, named)
    plain = parameter.name.lower()
    several = _sequences(list, (), parameter.name) if _PLURAL.search(plain) and not typed else []
    unique: list[Any] = []
    for value in (*typed, *named[:2], *several, *named[2:]):
        if not any(type(value) is type(u) and _same(value, u) for u in unique):
            unique.append(value)
    return unique


def _same(left: Any, right: Any) -> bool:
    try:
        return bool(left == right)
    except Exception:
        return left is right


def _by_type(annotation: Any, name: str, named: list[Any]) -> list[Any]:
    if isinstance(annotation, str):
        annotation = _evaluated(annotation)
    origin = typing.get_origin(annotation)
    parts = typing.get_args(annotation)
    if origin is typing.Union or str(origin) == "<class 'types.UnionType'>":
        options = [p for p in parts if p is not type(None)]
        found = [v for p in options for v in _by_type(p, name, named)]
        return found + [None] * (len(options) < len(parts))
    if origin is typing.Literal:
        return list(parts)
    if annotation is bool:
        return [False, True]
    if annotation in (int, float):
        kind = (int,) if annotation is int else (float, int)
        fits = [v for v in named if isinstance(v, kind) and not isinstance(v, bool)]
        return fits or [WIDTH if annotation is int else 0.5]
    if annotation is str:
        return [v for v in named if isinstance(v, str)] or ["relu", "mean", "default"]
    if origin in (list, tuple) or annotation in (list, tuple):
        return _sequences(origin or annotation, parts, name)
    if origin is not None and "Sequence" in str(origin):
        return _sequences(list, parts, name)
    if origin is dict or annotation is dict:
        of_numbers = len(parts) == 2 and parts[1] is int
        return [*([{"a": WIDTH, "b": WIDTH}] * of_numbers), {}]
    if isinstance(annotation, type):
        # `activation_class: nn.ReLU` means the class itself
        wants_class = re.search(r"_(class|cls|layer|type)$", name)
        return [*([annotation] * bool(wants_class)), *_instances(annotation)]
    return []


def _evaluated(text: str) -> Any:
    """An annotation that is only text, as far as common names go."""
    names = {**vars(typing), "torch": torch, "nn": nn, "Tensor": torch.Tensor, "Module": nn.Module}
    try:
        return eval(text, {"__builtins__": builtins, **names})
    except Exception:
        # a name of the module's own: what the parameter is called still counts
        return None


def _sequences(kind: Any, parts: tuple[Any, ...], name: str) -> list[Any]:
    inner = by_name(name.rstrip("s"))
    single = next((v for v in inner if isinstance(v, (int, float)) and not isinstance(v, bool)), 8)
    if parts and parts[0] is nn.Module:
        return [[Block(), Block()]]
    if parts and parts[0] is str:
        return [["a", "b"]]
    fixed = len(parts) if kind is tuple and Ellipsis not in parts and len(parts) > 1 else 0
    lengths = [fixed] if fixed else [2, 3, 4, 5, 6, 1]
    return [kind([single] * n) for n in lengths]


def of_lengths(name: str, lengths: list[int]) -> list[Any]:
    """Sequences of the lengths that a parameter is compared with, best first."""
    shortest = _sequences(list, (), name)
    return [[shortest[0][0]] * n for n in dict.fromkeys(lengths)]


def _instances(annotation: type) -> list[Any]:
    if annotation is torch.Tensor:
        return [torch.randn(WIDTH), torch.eye(WIDTH), torch.randn(WIDTH, WIDTH)]
    if issubclass(annotation, nn.Module):
        found: list[Any] = [] if annotation is nn.Module else built(annotation)
        return [*found, Block()]
    return built(annotation)


def built(annotation: type, known: Optional[dict[str, Any]] = None) -> list[Any]:
    """An instance of a class from what is known, its defaults and guesses, if that works."""
    given = known or {}
    try:
        return [annotation(**given)]
    except Exception:
        pass
    try:
        required = {
            n: by_name(n)[0]
            for n, p in inspect.signature(annotation).parameters.items()
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        }
        return [annotation(**{**required, **given})]
    except Exception:
        return []
