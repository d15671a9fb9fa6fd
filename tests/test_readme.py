"""What the README says is so: its output is real, and every command and example works."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nnlint.cli import run
from nnlint.config import read_config
from nnlint.finding import Level

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RENEW = "renew it with: python docs/generate.py"
SETUP = ("python3", ".venv", "pipx")
"""Words that begin a command which installs; .ci/run runs those."""


class Block(NamedTuple):
    """A fenced block of the README."""

    language: str
    text: str


BLOCKS = [
    Block(match[2], match[3])
    for match in re.finditer(r"^(`{3,})(\w*)\n(.*?)^\1$", README, re.MULTILINE | re.DOTALL)
]


def blocks(language: str) -> list[str]:
    """The texts of all blocks in a language."""
    return [block.text for block in BLOCKS if block.language == language]


def commands() -> list[str]:
    """Every command of the README that does not install something."""
    lines = [line for text in blocks("sh") for line in text.splitlines()]
    lines += re.findall(r"^- run: (.*)$", "".join(blocks("yaml")), re.MULTILINE)
    lines += re.findall(r"`(nnlint (?:[a-z]+ [^`]+|init|--[^`]+))`", README)
    return [line for line in lines if not line.startswith(SETUP)]


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line as the README gives it."""
    program = shlex.join([sys.executable, "-m", "nnlint"])
    return subprocess.run(
        re.sub(r"\bnnlint(?= |$)", program, command, count=1),
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example project, to work in."""
    shutil.copytree(ROOT / "examples" / "bird_songs", tmp_path / "songs")
    (tmp_path / "songs" / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "songs")
    return tmp_path / "songs"


def generator():
    """The program that renews the README."""
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


PUBLISHED = [text for text in blocks("console") if text.startswith("$ pip install ")]
"""What nnlint prints about a package that the reader installs first."""


@pytest.mark.parametrize(
    "block",
    [text for text in blocks("console") if text not in PUBLISHED],
    ids=lambda text: text.partition("\n")[0],
)
def test_output_is_what_nnlint_prints(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = f"```console\n{block}```"
    if "--verify" in block:
        pytest.importorskip("torch")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")  # much faster on so small a model
        assert shape_of(generator().renewed(shown)) == shape_of(shown), RENEW
    else:
        assert generator().renewed(shown) == shown, RENEW


@pytest.mark.parametrize("block", PUBLISHED, ids=lambda text: text.partition("\n")[0])
def test_output_about_a_package_is_what_nnlint_prints(block: str) -> None:
    (install, command), shown = block.splitlines()[:2], block.split("\n", 2)[2]
    package, _, version = install.split()[-1].partition("==")
    try:
        installed = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        installed = "nothing"
    if installed != version:
        pytest.skip(f"{package} {version} is not installed")
    printed = shell(f"{command.removeprefix('$ ')} --python {shlex.quote(sys.executable)}", ROOT)
    # where the package is installed is the reader's own
    place = re.compile(r"\S*site-packages/")
    assert shape_of(place.sub("", printed.stdout)) == shape_of(place.sub("", shown))


def test_output_that_is_not_real_is_noticed() -> None:
    shown = f"```console\n{blocks('console')[0]}```"
    assert blocks("console")[0] not in PUBLISHED
    changed = re.sub(r"Found \d+", "Found no", shown)
    assert changed != shown
    assert generator().renewed(changed) == shown


@pytest.mark.parametrize("command", dict.fromkeys(commands()))
def test_command_works(
    command: str, project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if command.startswith("nnlint verify"):
        pytest.importorskip("torch")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
    if "--baseline" in command:
        run(["--write-baseline", "nnlint-baseline.json"])
    if "--diff-base" in command:
        who = "git -c user.name=a -c user.email=a@example.org"
        shell(
            "git init -q && git add . && "
            f"{who} commit -qm first && git update-ref refs/remotes/origin/main HEAD",
            project,
        )
    if command.startswith("nnlint audit"):
        write_pictures(project / "spectrograms")
    if "--rules" in command:
        run(["new-rule", "unsmoothed-labels", "--into", "tools"])
    for number in (1, 2, 3) if "--merge" in command else ():
        run(["--shard", f"{number}/3", "--write-results", f"shard-{number}.json"])
    if " examples/" in command:
        # said from a checkout
        shutil.copytree(ROOT / "examples", project.parent / "examples")
        monkeypatch.chdir(project.parent)
    if "|" in command:
        done = shell(command, project)
        status, told = done.returncode, done.stderr
    else:
        status = run(shlex.split(command, comments=True)[1:])
        told = capfd.readouterr().err
    if "--executor" in command:
        # the reader's cluster is none of ours; tests/test_sharding.py has one
        pytest.importorskip("distributed")
        assert status == 2 and "nothing answers at dask://" in told
        return
    expected = (0,) if re.search("baseline|add-ignore|exit-zero", command) else (0, 1)
    assert status in expected, told


def write_pictures(folder: Path) -> None:
    """A few pictures of two species in two splits."""
    image = pytest.importorskip("PIL.Image")
    numpy = pytest.importorskip("numpy")
    for number in range(12):
        place = folder / ("val" if number % 3 == 2 else "train") / ("wren", "robin")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        noise = numpy.random.default_rng(number).integers(0, 255, (32, 64), numpy.uint8)
        image.fromarray(noise).save(place / f"{number}.png")


def test_exit_status_is_as_told(project: Path) -> None:
    assert run([]) == 1
    assert run(["--select", "NN999"]) == 2
    for file in project.glob("*.py"):
        file.unlink()
    assert run([]) == 0


def test_configuration_is_accepted() -> None:
    tables = [tomllib.loads(text) for text in blocks("toml")]
    ours = [table["tool"]["nnlint"] for table in tables if "nnlint" in table.get("tool", {})]
    assert ours
    for table in ours:
        read_config(table, "README.md")


def test_every_suppression_suppresses(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for text in blocks("python") for line in text.splitlines() if "  # n" in line]
    assert len(lines) == 3
    model = project / "model.py"
    text = model.read_text(encoding="utf-8")
    assert run(["--select", "NN301"]) == 1
    above = [t.rstrip().replace("\n", "\n        ") for t in blocks("python") if t[:5] == "# nnl"]
    assert len(above) == 2
    whole = "summary = h_n.view(batch, -1)\n        # nnlint: ignore-file[NN301]"
    for line in [*lines, *above, whole]:
        model.write_text(text.replace("summary = h_n.view(batch, -1)", line), encoding="utf-8")
        status = run(["--select", "NN301,NN004,NN005"])
        assert status == 0, line + capsys.readouterr().out


def test_formats_are_all_there(project: Path) -> None:
    told = re.search(r"Other formats for `--output-format` are (.*?);", README)
    for format in ["concise", "github", *re.findall(r"`([a-z-]+)`", told[1])]:
        assert run(["--output-format", format]) == 1


def test_editors_read_the_lines(project: Path) -> None:
    text = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    found = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    [settings] = [json.loads(block) for block in found if '"tasks"' in block]
    [task] = settings["tasks"]
    pattern = re.compile(task["problemMatcher"]["pattern"]["regexp"])
    lines = shell("nnlint --output-format concise", project).stdout.splitlines()
    found = [match for line in lines[:-1] if (match := pattern.match(line))]
    assert len(found) == len(lines) - 1 > 5
    assert ("model.py", "34", "19", "NN301") in [match.groups()[:4] for match in found]
    assert not pattern.match(lines[-1])


def test_levels_are_all_told() -> None:
    assert re.findall(r"^- \*\*(\w+)\*\*:", README, re.MULTILINE) == [v.value for v in Level]


def test_rule_pack_builds_and_works(project: Path) -> None:
    pack = project.parent / "acme"
    for name, text in pack_files().items():
        (pack / name).parent.mkdir(parents=True, exist_ok=True)
        (pack / name).write_text(text, encoding="utf-8")
    python = virtual_environment(project.parent / "env")
    assert "`pip install .`" in README
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "."]
    offline = ["--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    built = subprocess.run([*install, *offline], cwd=pack, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    command = [str(python), "-m", "nnlint", "--select", "ACME,NN402", "--output-format", "concise"]

    def nnlint() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=project, capture_output=True, text=True)

    result = nnlint()
    assert result.returncode == 1, result.stderr
    assert result.stdout.startswith("train.py:19:16: ACME001 unsmoothed-labels: ")
    train = project / "train.py"
    text = train.read_text(encoding="utf-8")
    loss = "CrossEntropyLoss(label_smoothing=0.1)"
    train.write_text(text.replace("CrossEntropyLoss()", loss), encoding="utf-8")
    assert nnlint().returncode == 0
    (project / "focal.py").write_text(FOCAL, encoding="utf-8")
    assert nnlint().stdout.startswith("focal.py:7:12: NN402 ")


FOCAL = """import torch
from acme.losses import FocalLoss


def loss_of(model, clips, tags):
    criterion = FocalLoss(gamma=3.0)
    return criterion(torch.sigmoid(model(clips)), tags)
"""


def test_pack_is_tested_as_told(tmp_path: Path) -> None:
    for name, text in pack_files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert "`python -m pytest` in the pack's folder" in README
    pytest_there = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
    result = subprocess.run(pytest_there, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, "1 passed" in result.stdout) == (0, True), result.stdout
    [fixture] = tmp_path.glob("fixtures/*/*.py")
    wanted = fixture.read_text(encoding="utf-8")
    fixture.write_text(re.sub("  # want: .*", "", wanted), encoding="utf-8")
    result = subprocess.run(pytest_there, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1 and "is reported and not wanted" in result.stdout


def pack_files() -> dict[str, str]:
    """The files of the README's rule pack, by name."""
    section = README.partition("## Write a rule")[2]
    files = re.findall(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return dict(files)


def virtual_environment(folder: Path) -> Path:
    """The Python of an environment of its own that has what this one has."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [site] = [*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]
    there = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    lines = [*there, str(ROOT), str(ROOT / "rules")]
    (site / "here.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return next(
        path for path in (folder / "bin/python", folder / "Scripts/python.exe") if path.exists()
    )


def test_a_proof_is_what_the_readme_shows(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from nnlint import verify

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # much faster on so small a model

    [code] = [text for text in blocks("python") if text.startswith("# test_model.py")]
    [shown] = blocks("text")
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.delitem(sys.modules, "model", raising=False)
    names: dict[str, Any] = {}
    exec(code, names)
    with pytest.raises(verify.VerificationError) as caught:
        names["test_examples_stay_apart"]()
    torch.set_num_threads(threads)
    assert shape_of(shown) == shape_of(str(caught.value).replace(f"{project}{os.sep}", ""))
    told = set(re.findall(r"`(assert_\w+)", README))
    assert told == {name for name in verify.__all__ if name.startswith("assert_")} - {
        "assert_no_batch_leak"
    }


def shape_of(text: str) -> str:
    """A text without its measured numbers and their spacing."""
    return " ".join(re.sub(r"\d*\.\d+|(?<=example )\d", "#", text).split())


def test_extras_exist() -> None:
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = set(re.findall(r"\.\[(\w+)\]", README))
    assert named and named <= set(metadata["project"]["optional-dependencies"])


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_setup_takes_two_commands() -> None:
    section = README.partition("## Try it")[2].partition("\n## ")[0]
    assert len(re.findall(r"^```sh$", section, re.MULTILINE)) == 2
