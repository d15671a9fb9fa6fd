"""The page of the recipe: whole in itself, with code, and nothing of the project's is obeyed."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

from nnlint.finding import Finding, Level, Position, Stage
from nnlint.recipe.bullets import BULLETS, SECTIONS
from nnlint.recipe.model import Bullet, Evidence, RecipeReport, Status, Verdict
from nnlint.recipe.report import Style, render

CODE = "import torch\n\n\ntorch.manual_seed(0)  # </code><script>alert(1)</script>\n"


class _Page(HTMLParser):
    """Notes what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(*verdicts: Verdict, stage: Stage | None = None) -> str:
    known = {verdict.bullet: verdict for verdict in verdicts}
    whole = tuple(
        known.get(bullet, Verdict(bullet, Status.CANT_TELL, "source does not show it"))
        for bullet in BULLETS
    )
    stream = io.StringIO()
    report = RecipeReport(("proj <b>ect",), whole, stage, 2, ("broken.py: no `Python`",))
    render(report, "html", Style(), stream)
    return stream.getvalue()


def bullet(name: str) -> Bullet:
    return next(b for b in BULLETS if b.name == name)


def test_a_page_is_whole_and_asks_for_nothing(tmp_path: Path) -> None:
    text = page(stage=Stage.OVERFIT)
    found = _Page(text)
    assert not found.open
    assert not any(tag in ("script", "link", "iframe") for tag, _ in found.tags)
    assert all("src" not in attributes for _, attributes in found.tags)
    assert "proj &lt;b&gt;ect" in text
    assert "<strong>overfit</strong>" in text
    assert "broken.py: no" in text


def test_every_bullet_can_be_linked_to_and_every_section_is_reached() -> None:
    found = _Page(page(Verdict(bullet("adam"), Status.MISSING, "no run trains with Adam")))
    names = [a["id"] for _, a in found.tags if a.get("id")]
    assert len(names) == len(set(names))
    assert {f"{b.section}-{b.name}" for b in BULLETS} <= set(names)
    links = {str(a["href"])[1:] for t, a in found.tags if t == "a" and str(a["href"])[0] == "#"}
    assert set(SECTIONS) <= links
    assert links <= {*names, "content"}


def test_evidence_is_shown_with_the_code_around_it(tmp_path: Path) -> None:
    file = tmp_path / "run.py"
    file.write_text(CODE)
    one = Evidence(str(file), 4, "torch.manual_seed(0)", "seeds torch")
    text = page(Verdict(bullet("fixed-seed"), Status.DONE, "seeds torch", (one,)))
    assert re.search(r'class="line marked"><span class="row">4 </span>.*manual_seed', text)
    assert "<script>" not in text
    assert "seeds torch" in text
    assert f"{file}:4" in text


def test_what_contradicts_is_open_and_told_with_its_rule_and_help(tmp_path: Path) -> None:
    file = tmp_path / "run.py"
    file.write_text(CODE)
    finding = Finding(
        code="NN601",
        name="default-step-decay",
        level=Level.ADVICE,
        message="the `rate` falls",
        filename=str(file),
        start=Position(4, 1),
        end=Position(4, 5),
        help="Keep it `constant`.",
        url="https://example.org/NN601",
    )
    one = Evidence(str(file), 4, "", finding.message, Status.CONTRADICTED, None, "NN601")
    decay = bullet("decay-defaults")
    text = page(Verdict(decay, Status.CONTRADICTED, finding.message, (one,), (finding,)))
    assert "<details open>" in text
    assert (
        '<a href="https://example.org/NN601" rel="noreferrer">NN601 default-step-decay</a>' in text
    )
    assert "Keep it <code>constant</code>." in text
    assert 'href="#overfit-decay-defaults"' in text.split("<main")[0]


def test_files_that_are_gone_or_of_another_language_are_shown_as_far_as_they_can() -> None:
    gone = Evidence("gone.py", 3, "seed(1)", "seeds")
    many = tuple(Evidence("gone.py", row, "", "seeds") for row in range(4, 12))
    text = page(Verdict(bullet("fixed-seed"), Status.DONE, "seeds", (gone, *many)))
    assert "seed" in text and "gone.py:11" in text
    assert "Also at" in text


def test_settings_are_shown_in_their_own_language(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("method: random\n")
    one = Evidence(str(file), 1, "random", "draws each run")
    text = page(Verdict(bullet("random-search"), Status.DONE, "draws each run", (one,)))
    assert '<span class="nt">method</span>' in text
