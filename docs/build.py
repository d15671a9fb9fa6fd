"""Build the documentation site.

    python docs/build.py [FOLDER]

makes the pages in FOLDER/docs and of them the site in FOLDER/site; FOLDER is build/.

Pages are written by hand in docs/, or made: one for each rule (docs/rule_pages.py), the reference
of the configuration from its schema, that of the commands from their help. What the README says
is not said again: `{{ README.md: Fixes }}` on a line of its own stands for a section of it, and
so for sections of other files; `{{ README.md: Fixes, alone }}` leaves out its own sections. A link or an address that leads nowhere ends the build.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
from rule_pages import ROOT, TOPICS, topic_of, write_rule_pages

from nnlint import DOCUMENTATION
from nnlint.cli import commands as command
from nnlint.registry import TOOL_RULES, load_rules
from nnlint.schemas import configuration_schema

HERE = ROOT / "docs"
HOMES = {"README.md": ROOT, "architecture.md": HERE}
"""Where files are whose sections are included; others are in benchmarks/."""
COPIED = (
    "action.yml",
    "ci/gitlab.yml",
    ".pre-commit-hooks.yaml",
    "docs/audit.png",
    "docs/example-labels.png",
    "docs/example-batch.png",
    "docs/example-mixing.svg",
    "docs/example-overfit.svg",
    "docs/growth.svg",
)
"""Files that pages lead to, each under its own name in files/."""
BENCHMARKS = ROOT / "benchmarks"
WHERE = re.compile(r"^\{\{ where (\S+) \}\}\n(.*?)^\{\{ end \}\}\n", re.MULTILINE | re.DOTALL)
"""What is told only where there is a page."""
INCLUDE = re.compile(r"^\{\{ (\S+\.md): (.+?) \}\}$", re.MULTILINE)
NAVIGATION: tuple[tuple[str, Any], ...] = (
    ("Start", "index.md"),
    ("Tutorial", "tutorial.md"),
    ("Example", "example.md"),
    ("Recipe", "recipe.md"),
    ("Verifier", "verify.md"),
    ("Data audit", "audit.md"),
    ("Rules", None),
    ("Configuration", "configuration.md"),
    ("Suppression and baselines", "suppression.md"),
    ("Fixes", "fixes.md"),
    ("Editors", "editors.md"),
    ("Continuous integration", "ci.md"),
    ("Commands", "commands.md"),
    ("Writing rules", "writing-rules.md"),
    ("Comparison", "comparison.md"),
    ("Measured", None),
    ("Architecture", "architecture.md"),
    ("Changelog", "changelog.md"),
)
"""Titles and files; a file that is not there is left out."""


def section_of(file: Path, title: str, alone: bool = False) -> str:
    """A section of a Markdown file without its heading, its own sections one level up.

    Parameters:
        alone: whether its own sections are left out.

    Raises:
        SystemExit: there is none.
    """
    text = file.read_text(encoding="utf-8")
    parts = re.split(r"^(#{2,3}) (.+)\n", _hidden(text), flags=re.MULTILINE)
    for at in range(1, len(parts), 3):
        if parts[at + 1] == title:
            level, body, after = parts[at], parts[at + 2], at + 3
            while not alone and after < len(parts) and len(parts[after]) > len(level):
                body += f"{'#' * (len(parts[after]) - len(level) + 1)} {parts[after + 1]}\n"
                body += parts[after + 2]
                after += 3
            return _shown(body).strip("\n")
    raise SystemExit(f"{file.name}: there is no section `{title}`")


def _hidden(text: str) -> str:
    """A text in which no line of a code block begins like a heading."""
    return re.sub(
        r"^```.*?^```", lambda m: m[0].replace("\n#", "\n\0#"), text, flags=re.DOTALL | re.MULTILINE
    )


def _shown(text: str) -> str:
    return text.replace("\0", "")


def linked(text: str, page: str) -> str:
    """A text with its links to files of the repository leading to pages of the site.

    Parameters:
        page: where the text stands, from the root of the site.
    """
    up = "../" * page.count("/")

    def link(match: re.Match[str]) -> str:
        path, _, anchor = match[2].partition("#")
        found = _in_repository(path)
        to = None if found is None else _page_of(found, anchor and f"#{anchor}")
        if to is not None:
            return f"[{match[1]}]({up}{to})"
        # a page that is made, or a file of the repository that is no page
        return match[0] if found is None else match[1]

    return re.sub(r"\[([^\]\n]*)\]\((?!https?:|#|mailto:)([^)\s]+)\)", link, text)


def _in_repository(path: str) -> str | None:
    """What a link leads to, from the root of the repository, whichever text it stands in."""
    for folder in (HERE, ROOT, BENCHMARKS):
        target = (folder / path).resolve()
        if target.exists() and target.is_relative_to(ROOT):
            return target.relative_to(ROOT).as_posix()
    return None


def _page_of(path: str, anchor: str) -> str | None:
    """The page, from the root of the site, that has what a file of the repository has."""
    rule = re.fullmatch(r"rules/nnlint_rules/\w+/(\w+)\.py", path)
    if rule:
        return f"rules/{rule[1].replace('_', '-')}.md"
    if path == "examples/bird_songs":
        return "tutorial.md"
    if path == "README.md":
        return "comparison.md#how-fast" if anchor == "#how-fast-it-is" else "index.md"
    if path in COPIED:
        return f"files/{_served(path)}"
    folder, _, name = path.partition("/")
    homes = {"docs": "", "benchmarks": "measured/"}
    return f"{homes[folder]}{name}{anchor}" if folder in homes else None


def _served(path: str) -> str:
    """What a file is called in files/: a site has no hidden ones."""
    return Path(path).name.lstrip(".")


def write_page(pages: Path, name: str, text: str) -> None:
    """Write a page with what it includes."""

    def included(match: re.Match[str]) -> str:
        title = match[2].removesuffix(", alone")
        folder = HOMES.get(match[1], BENCHMARKS)
        return section_of(folder / match[1], title, title != match[2])

    target = pages / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(linked(INCLUDE.sub(included, text), name), encoding="utf-8")


def configuration(schema: dict[str, Any]) -> str:
    """The reference of the configuration: each key with its type, values and meaning."""
    parts = []
    for key, about in schema["properties"].items():
        facts = [_type_of(about)]
        if "default" in about:
            facts.append(f"default `{json.dumps(about['default'])}`")
        parts.append(f"### `{key}`\n\n{about.get('description', '')}\n\n*{', '.join(facts)}*\n")
    return "\n".join(parts)


def _type_of(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return "list of " + {"string": "strings"}.get(schema["items"].get("type"), "tables")
    if kind == "object":
        inner = schema.get("additionalProperties")
        values = _type_of(inner) if isinstance(inner, dict) else "anything"
        return f"table; each value is {values}"
    return {"string": "a string", "boolean": "true or false"}.get(str(kind), str(kind))


def rule_options() -> str:
    """The options of rules, as a table."""
    rows = ["| rule | option | default |", "|-|-|-|"]
    for rule in load_rules():
        rows += [
            f"| [{rule.name}](rules/{rule.name}.md) | `{name}` | `{json.dumps(value)}` |"
            for name, value in rule.options.items()
        ]
    return "\n".join(rows) if len(rows) > 2 else "No rule of nnlint has options."


def commands() -> str:
    """What `--help` says of each command."""
    context = click.Context(command, info_name="nnlint", max_content_width=88)
    parts = []
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if found is None or found.hidden:
            continue
        inner = click.Context(found, info_name=name, parent=context, max_content_width=88)
        parts.append(f"## `nnlint {name}`\n\n```text\n{found.get_help(inner)}\n```\n")
    return "\n".join(parts)


def write_pages(pages: Path) -> None:
    """Write all pages into a folder, and nothing else is left there."""
    shutil.rmtree(pages, ignore_errors=True)
    rules = load_rules()
    made = {
        "{{ configuration }}": configuration(configuration_schema()),
        "{{ rule options }}": rule_options(),
        "{{ commands }}": commands(),
        "{{ number of rules }}": str(len(rules)),
    }
    for file in sorted(HERE.glob("*.md")):
        text = file.read_text(encoding="utf-8")
        for mark, value in made.items():
            text = text.replace(mark, value)
        text = WHERE.sub(lambda part: part[2] if (HERE / part[1]).exists() else "", text)
        write_page(pages, file.name, text)
    for file in sorted(BENCHMARKS.glob("*.md")):
        write_page(pages, f"measured/{file.name}", file.read_text(encoding="utf-8"))
    write_rule_pages(pages / "rules", rules)
    shutil.copytree(HERE / "schemas", pages / "schemas")
    (pages / "files").mkdir()
    for name in COPIED:
        shutil.copy(ROOT / name, pages / "files" / _served(name))
    shutil.copytree(HERE / "style", pages / "style")
    (pages / "llms.txt").write_text(llms(pages), encoding="utf-8")


def navigation(pages: Path) -> list[tuple[str, Any]]:
    """The pages that there are, with those of the rules by topic."""
    found: list[tuple[str, Any]] = []
    for title, target in NAVIGATION:
        if title == "Rules":
            entries: list[tuple[str, Any]] = [("All rules", "rules/index.md")]
            rules = load_rules()
            for topic, name in TOPICS.items():
                of_topic = [(r.name, f"rules/{r.name}.md") for r in rules if topic_of(r) == topic]
                entries.append((name, of_topic))
            entries.append(("nnlint itself", [(r.name, f"rules/{r.name}.md") for r in TOOL_RULES]))
            found.append((title, entries))
        elif title == "Measured":
            texts = [(file.read_text(encoding="utf-8"), file) for file in BENCHMARKS.glob("*.md")]
            entries = [(_title(text), f"measured/{file.name}") for text, file in texts]
            found.append((title, sorted(entries, key=lambda e: (e[1] != "measured/README.md", e))))
        elif (pages / target).exists():
            found.append((title, target))
    return found


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ").strip()


def config(pages: Path) -> str:
    """The configuration of the site generator: docs/zensical.toml with the navigation."""

    def entry(title: str, target: Any) -> str:
        if isinstance(target, list):
            return f"{{ {json.dumps(title)} = [{', '.join(entry(*t) for t in target)}] }}"
        return f"{{ {json.dumps(title)} = {json.dumps(target)} }}"

    text = (HERE / "zensical.toml").read_text(encoding="utf-8")
    nav = ",\n  ".join(entry(*item) for item in navigation(pages))
    first = f'[project]\nsite_url = "{DOCUMENTATION}/"\nnav = [\n  {nav},\n]\n'
    return text.replace("[project]\n", first, 1)


def llms(pages: Path) -> str:
    """An index for programs that read: https://llmstxt.org."""
    lines = [
        "# nnlint",
        "",
        "> The linter for people who train neural networks: it reads PyTorch training code and "
        "reports the mistakes that raise no exception and only make training worse.",
        "",
        "Each page is there as Markdown, too: its address with `index.md` behind it.",
        "",
        "## Pages",
        "",
    ]
    for title, target in NAVIGATION:
        if isinstance(target, str) and (pages / target).exists():
            lines.append(f"- [{title}]({_markdown(target)})")
    lines += ["", "## Rules", ""]
    lines += [
        f"- [{rule.code} {rule.name}]({rule.url}index.md): {' '.join(rule.summary.split())}"
        for rule in load_rules()
    ]
    return "\n".join(lines) + "\n"


def _markdown(page: str) -> str:
    stem = page.removesuffix(".md")
    return f"{DOCUMENTATION}/index.md" if stem == "index" else f"{DOCUMENTATION}/{stem}/index.md"


def build(folder: Path) -> None:
    """Build the site of the pages, strictly, and put the pages' Markdown beside them.

    Raises:
        SystemExit: the site generator warns of something, such as a link that leads nowhere.
    """
    pages, site, settings = folder / "docs", folder / "site", folder / "zensical.toml"
    shutil.rmtree(site, ignore_errors=True)
    settings.write_text(config(pages), encoding="utf-8")
    program = [
        sys.executable,
        "-m",
        "zensical",
        "build",
        "--clean",
        "--strict",
        "-f",
        str(settings),
    ]
    built = subprocess.run(program, cwd=folder, env={**os.environ, "NO_COLOR": "1"})
    if built.returncode:
        raise SystemExit(built.returncode)
    for page in pages.rglob("*.md"):
        place = page.relative_to(pages)
        inner = place.parent if page.stem in ("index", "README") else place.with_suffix("")
        shutil.copy(page, site / inner / "index.md")


def main() -> None:
    """Write the pages, and build the site."""
    folder = Path(sys.argv[1] if sys.argv[1:] else ROOT / "build").resolve()
    write_pages(folder / "docs")
    build(folder)
    print(f"wrote {folder / 'site'}")


if __name__ == "__main__":
    main()
