"""Which sequences come from directory listings, and whether they are sorted."""

from __future__ import annotations

import ast
import textwrap

import pytest
from program_text import analysed

from nnlint.semantics.listings import Listing, listing_of


def last_listing(text: str) -> Listing | None:
    """The listing that the last expression of a text holds the elements of."""
    module = analysed(textwrap.dedent(text)).module
    last = module.tree.body[-1]
    assert isinstance(last, ast.Expr)
    return listing_of(module, last.value)


@pytest.mark.parametrize(
    "text",
    [
        "files = os.listdir(d)\nfiles",
        "files = [join(d, f) for f in os.listdir(d) if f.endswith('.png')]\nfiles[:10]",
        "files = list(Path(d).glob('*'))\nfiles",
        "files = []\nfor f in glob(d):\n    files.append(f)\nfiles",
        "def names(d):\n    return [f.name for f in d.iterdir()]\nfiles = names(d)\nfiles",
        "files = list(map(str, root.rglob('*.pt')))\nnp.array(files)",
    ],
)
def test_has_no_order(text: str) -> None:
    found = last_listing(text)
    assert found is not None and not found.ordered


@pytest.mark.parametrize(
    "text",
    [
        "files = sorted(os.listdir(d))\nfiles",
        "files = glob(d)\nfiles.sort()\nfiles",
        "files = natsorted(glob(d))\n[read(f) for f in files]",
        "def names(d):\n    return sorted(d.iterdir())\nnames(d)",
    ],
)
def test_is_sorted(text: str) -> None:
    found = last_listing(text)
    assert found is not None and found.ordered


@pytest.mark.parametrize(
    "text",
    [
        "files = read_list(d)\nfiles",
        "files = glob(d)\nrandom.shuffle(files)\nfiles",
        "files = glob(d)\nfor names in (files, others):\n    names.sort()\nfiles",
        "def names(d):\n    if d:\n        return glob(d)\n    return []\nnames(d)",
    ],
)
def test_nothing_is_known(text: str) -> None:
    assert last_listing(text) is None


def test_two_calls_of_one_function_are_two_listings() -> None:
    text = "def names(d):\n    return glob(d)\n"
    first, second = last_listing(text + "names(a)"), last_listing(text + "names(b)")
    assert first is not None and second is not None
    assert first.origin is not first.call and second.origin is not second.call
