"""The documentation site: every address that a finding gives is a page, and no link is broken."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

import nnlint
from nnlint.cli import run
from nnlint.registry import TOOL_RULES, every_rule, load_rules
from nnlint.rule import SECTIONS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
HOME = f"{nnlint.DOCUMENTATION}/"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as docs/build.py builds it."""
    # it is there for Python 3.11 and later only
    pytest.importorskip("zensical")
    folder = tmp_path_factory.mktemp("site")
    program = [sys.executable, str(ROOT / "docs" / "build.py"), str(folder)]
    result = subprocess.run(program, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "site"


class Page(HTMLParser):
    """What a page leads to and what can be led to in it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.add(value)
                if name == "src" or tag == "link":
                    self.loaded.add(value)
            elif name in ("id", "name") and value:
                self.places.add(value)


def file_of(site: Path, address: str) -> Path:
    """The file behind an address of the site."""
    path = unquote(urlsplit(address).path).removeprefix(urlsplit(HOME).path)
    return site / path / "index.html" if not path or path.endswith("/") else site / path


def test_every_finding_leads_to_a_page(built: Path) -> None:
    for rule in every_rule():
        assert rule.url.startswith(HOME), rule.name
        text = file_of(built, rule.url).read_text(encoding="utf-8")
        assert f"{rule.name} ({rule.code})" in text
        # the same as Markdown, which llms.txt leads to
        assert (file_of(built, rule.url).parent / "index.md").exists()


def test_no_link_is_broken(built: Path) -> None:
    pages = {file: Page(file) for file in built.rglob("*.html") if file.name != "404.html"}
    assert len(pages) > len(load_rules())
    broken = []
    for file, page in pages.items():
        here = f"{HOME}{file.relative_to(built).as_posix().removesuffix('index.html')}"
        for link in page.links:
            address = urljoin(here, link)
            if not address.startswith(HOME) or link.startswith(("data:", "mailto:")):
                continue
            target = file_of(built, address)
            anchor = unquote(urlsplit(address).fragment)
            there = target.exists() and (
                not anchor or target not in pages or anchor in pages[target].places
            )
            broken += [] if there else [f"{file.relative_to(built)}: {link}"]
    assert not broken, broken[:20]


def test_nothing_is_loaded_from_elsewhere(built: Path) -> None:
    for file in [built / "index.html", built / "rules" / "view-mixes-batch" / "index.html"]:
        loaded = {link for link in Page(file).loaded if urlsplit(link).netloc}
        assert {link for link in loaded if not link.startswith(HOME)} == set()


def test_programs_find_all_pages(built: Path) -> None:
    text = (built / "llms.txt").read_text(encoding="utf-8")
    found = re.findall(r"\]\(([^)]+)\)", text)
    assert len(found) > len(load_rules()) + 10
    for address in found:
        assert file_of(built, address).exists(), address


def test_a_rule_page_is_whole(built: Path) -> None:
    text = (built / "rules" / "view-mixes-batch" / "index.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert {"Why it hurts training", "Example", "Use instead", "Fix", "References"} <= set(sections)
    assert {"What running it shows", "How often it was right"} <= set(sections)
    assert "```diff" in text and "# want:" not in text


def test_every_rule_page_has_its_documentation(built: Path) -> None:
    for rule in load_rules():
        text = (built / "rules" / rule.name / "index.md").read_text(encoding="utf-8")
        assert all(f"## {title}\n" in text for title in SECTIONS), rule.name
        assert "  # reported\n" in text and "# want" not in text, rule.name


def test_the_reference_has_every_key(built: Path) -> None:
    schema = json.loads((built / "schemas" / "configuration.schema.json").read_text())
    page = Page(built / "configuration" / "index.html")
    assert set(schema["properties"]) <= page.places


TUTORIAL = re.sub(
    r"^\{\{ where (\S+) \}\}\n(.*?)^\{\{ end \}\}\n",
    lambda part: part[2] if (ROOT / "docs" / part[1]).exists() else "",
    (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"),
    flags=re.MULTILINE | re.DOTALL,
)


def test_the_tutorial_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^```sh\n(.+)\n```$", TUTORIAL, re.MULTILINE)
    # tests of the README run what runs models
    said = [shlex.split(line)[1:] for line in commands if "verify" not in line]
    assert len(said) >= 4
    status = {shlex.join(line): run(line) for line in said}
    assert {line: number for line, number in status.items() if number not in (0, 1)} == {}


def test_rules_that_are_shown_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "writing-rules.md").read_text(encoding="utf-8")
    (tmp_path / "rules").mkdir()
    for code in re.findall(r"^```python\n(.+?)^```$", text, re.MULTILINE | re.DOTALL):
        name = re.search(r"^def (\w+)", code, re.MULTILINE)
        assert name
        (tmp_path / "rules" / f"{name[1]}.py").write_text(code, encoding="utf-8")
    (tmp_path / "step.py").write_text(STEP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert (
        run(["--no-cache", "--rules", "rules", "--select", "ACME", "--output-format", "json"]) == 1
    )
    found = [(f["code"], f["location"]["row"]) for f in json.loads(capfd.readouterr().out)]
    assert found == [("ACME002", 8), ("ACME003", 9)]


STEP = """import torch
from torch import nn

criterion = nn.CrossEntropyLoss(weight=torch.ones(3))


def step(model, x, y):
    loss = criterion(model(x), y)
    loss.backward(retain_graph=True)
"""


def test_addresses_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Documentation"] == HOME
    assert all(tool.url == nnlint.page_of(tool.name) for tool in TOOL_RULES)
