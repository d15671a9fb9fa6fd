"""What attends to what, by which masks, and along which axes these vary."""

from __future__ import annotations

import pytest
from program_text import analysed

from nnlint.questions.model.attention import attentions
from nnlint.questions.model.lookahead import embedded_tokens, is_padding
from nnlint.questions.model.padding_masks import along
from nnlint.semantics.dataflow import tensor_of

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.scale = 0.5

    def forward(self, tokens, m):
        x = self.embed(tokens)
"""


def program_of(*lines):
    body = "".join(f"        {line}\n" for line in lines)
    return next(p for p in analysed(HEAD + body).programs if p.name == "Net")


def masks(*lines):
    """For each thing that attends, whether its masks are known to be of padding."""
    program = program_of(*lines)
    embedded = program.once(embedded_tokens)
    return [[is_padding(m, embedded) for m in a.masks] for a in attentions(program.operations)]


SCORES = "s = x @ x.transpose(-2, -1) / 8**0.5"
PADDING = "(tokens == 0).unsqueeze(1)"
CAUSAL = "torch.ones(3, 3).triu(1).bool()"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((SCORES, "return s.softmax(-1) @ x"), [[]]),
        ((SCORES, "return (s * self.scale).softmax(-1) @ x"), [[]]),
        ((SCORES, f"return s.masked_fill({PADDING}, -1e9).softmax(-1) @ x"), [[True]]),
        ((SCORES, f"return s.masked_fill({CAUSAL}, -1e9).softmax(-1) @ x"), [[False]]),
        ((SCORES, "return s.masked_fill(m, -1e9).softmax(-1) @ x"), [[False]]),
        ((SCORES, "return (s + m).softmax(-1) @ x"), [[False]]),
        ((SCORES, "s.masked_fill_(m, -1e9)", "return s.softmax(-1) @ x"), [[False]]),
        ((SCORES, "s[:, m] = -1e9", "return s.softmax(-1) @ x"), [[False]]),
        ((SCORES, "s = torch.where(m, s, -1e9)", "return s.softmax(-1) @ x"), [[False]]),
        ((SCORES, "s = torch.tril(s)", "return s.softmax(-1) @ x"), [[False]]),
        ((SCORES, "return s.softmax(1) @ x"), []),
        (("s = torch.einsum('bqc,bkc->bqk', x, x)", "return s.softmax(-1) @ x"), [[]]),
        (("return self.attend(x, x, x)[0]",), [[]]),
        (("return self.attend(x, x, x, attn_mask=m)[0]",), [[False]]),
        (("return self.attend(x, x, x, attn_mask=None)[0]",), [[]]),
        (("return F.scaled_dot_product_attention(x, x, x, is_causal=True)",), [[False]]),
        (("return F.scaled_dot_product_attention(x, x, x, is_causal=False)",), [[]]),
        (("return F.softmax(x, dim=-1)",), []),
    ],
)
def test_masks(lines, expected):
    assert masks(*lines) == expected


@pytest.mark.parametrize(
    ("mask", "axis", "expected"),
    [
        ("(tokens == 0).unsqueeze(1)", -1, ["tokens"]),
        ("(tokens == 0).unsqueeze(2)", -1, ["one"]),
        ("(tokens == 0).unsqueeze(2)", -2, ["tokens"]),
        ("(tokens == 0).unsqueeze(1).unsqueeze(3)", -1, ["one"]),
        ("(tokens == 0)[:, None, :, None]", -2, ["tokens"]),
        ("(tokens == 0)[:, None, None]", -1, ["tokens"]),
        ("tokens.eq(0).unsqueeze(-1).float() * -1e9", -1, ["one"]),
        ("(tokens == 0).unsqueeze(1) | (tokens == 0).unsqueeze(2)", -1, ["tokens", "one"]),
        ("(tokens == 0).unsqueeze(2) & m", -1, ["one", None]),
        ("(tokens == 0)[:, 1:, None]", -1, [None]),
    ],
)
def test_along(mask, axis, expected):
    program = program_of(f"mask = ({mask})", "return F.relu(mask)")
    relu = next(o for o in program.operations if o.entry.activation == "relu")
    tensor = tensor_of(relu.arguments["input"])
    found = along(tensor, axis, program.once(embedded_tokens))
    assert [p and ("tokens" if p.tokens is not None else "one") for p in found] == expected


def test_layers_of_the_projects_own_may_attend_to_anything():
    text = """
class Own(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.decoder = nn.TransformerDecoder(Own(8), 2)

    def forward(self, x, memory):
        return F.relu(self.decoder(x, memory))
"""
    programs = analysed(HEAD + "        return x\n" + text).programs
    stack = next(p for p in programs if p.name == "Stack")
    assert any(o.entry.family == "transformer" for o in stack.operations)
    assert not list(attentions(stack.operations))
