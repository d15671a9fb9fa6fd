"""Pages of HTML that need nothing else: what every report for a browser is made with.

A page is a template in `templates/` that extends `base.html.jinja`, and the values that it shows::

    {% extends "base.html.jinja" %}
    {% from "parts.html.jinja" import chip, bars %}
    {% block title %}Recipe of {{ project }}{% endblock %}
    {% block summary %}<p>{{ sentence | prose }}</p>{% endblock %}
    {% block body %}
      <section>
        <h2>{{ chip("passed") }} Overfit one batch</h2>
        {{ plot }}
        {{ code }}
      </section>
    {% endblock %}

    text = render("recipe.html.jinja", project=name, sentence=told, plot=line_plot(...), code=...)

**Blocks** of the base: `kind` (what the page is, above its title), `title` (also the window's),
`summary` (below it), `navigation` (a column beside the body on wide windows, above it on a phone),
`body`, `foot`.

**Values** are escaped where they are shown: markup is spelled out, and so are control characters,
marks that turn the direction of text and bytes that are no text (`nnlint.text.plain`). What is
`Markup` is shown as it is; the functions here return it.

**Filters**: `prose` sets `code` in a sentence off, `web` is an address that may be linked to
(http and https) or nothing.

**Macros** of `parts.html.jinja`: `chip(word, kind)` is a label with a colour, for the levels
(error, warning, advice, pedantic), for the statuses (confirmed, refuted, inconclusive; passed,
failed, skipped, unknown) and `neutral`; `bars(rows)` is a table of `(label, number)` with bars;
`table(head, rows)` is a table that scrolls where it is too wide; `notes(pairs)` is a list of
`(word, text)` such as help and fix; `images(uris)` is a row of small pictures of
`(uri, caption)`.

**Functions**: `highlighted` is code in the colours of its syntax with what is marked in it,
`code_frame` the same for rows of a file (as `frame.Frame` draws on a terminal), `difference` a
unified diff, `line_plot` curves as SVG in the page's own colours, `picture` an SVG that nnlint
drew, `data_uri` a file's content as an address.

**Classes** that a template may use: `card` (a box with a coloured edge; with the class of a level
or status), `columns` (boxes side by side where there is room), `soft` (smaller matters), `path` (names
of files), `fold` (for `details`).

A page asks for nothing from anywhere: styles and scripts are in it, and its policy forbids all
else. It follows the reader's light or dark, fits a phone, can be used by keyboard and is printed
with everything unfolded. Scripts are files in `templates/`, named in `scripts`; a page must be
complete without them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nnlint import __version__
from nnlint.report.highlighting import code_frame, difference, highlighted, prose
from nnlint.report.plots import line_plot
from nnlint.text import plain

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, *, scripts: Sequence[str] = (), **values: Any) -> str:
    """A whole page.

    Parameters:
        template: the name of a file in `templates/`.
        scripts: names of files there that the page runs when it has been read.
        values: what the template shows.

    Raises:
        jinja2.TemplateError: there is no such template, or it shows what is not among `values`.
    """
    texts = [(TEMPLATES / name).read_text(encoding="utf-8") for name in scripts]
    return (
        _environment()
        .get_template(template)
        .render(
            values,
            scripts=[Markup(text) for text in texts],
            policy=_policy(texts),
            version=__version__,
        )
    )


def web(address: str) -> str:
    """An address that may be linked to; empty where it is none of the web."""
    return address if address.startswith(("https://", "http://")) else ""


def picture(svg: str) -> Markup:
    """A picture that nnlint drew, in the page.

    Parameters:
        svg: what a function of nnlint made; it is not escaped.
    """
    return Markup('<div class="picture" tabindex="0">{}</div>').format(Markup(svg))


def data_uri(content: bytes, media: str) -> str:
    """Content as the address of an image.

    Parameters:
        media: its type, such as `image/png`.
    """
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {"prose": prose, "web": web}
    return environment


def _shown(value: Any) -> Any:
    """What a template writes for a value: text in which nothing is obeyed."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return plain(value, lines=True)
    return "" if value is None else value


def _policy(scripts: Iterable[str]) -> str:
    """What the page may load and run: nothing but what is in it."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts)
    allowed = " ".join(f"'sha256-{digest.decode('ascii')}'" for digest in digests) or "'none'"
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"


__all__ = [
    "Markup",
    "code_frame",
    "data_uri",
    "difference",
    "highlighted",
    "line_plot",
    "picture",
    "prose",
    "render",
    "web",
]
