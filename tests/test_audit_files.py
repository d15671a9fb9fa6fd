"""`nnlint audit` on files and folders: what is planted is found, and broken files are told."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas
import pyarrow
import pytest
from PIL import Image
from scipy.io import wavfile

from nnlint.audit.checks import kinds, load
from nnlint.audit.schema import audit_schema
from nnlint.cli import run

Report = dict[str, Any]
ROOT = Path(__file__).parent.parent
VALIDATOR = jsonschema.Draft202012Validator(audit_schema())


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str]):
    """Run the command; gives its report and its status."""

    def command(*arguments: object) -> tuple[Report, int]:
        status = run(["audit", *map(str, arguments), "--output-format", "json"])
        printed = capsys.readouterr()
        if not printed.out:
            return {"error": printed.err}, status
        report = json.loads(printed.out)
        VALIDATOR.validate(report)
        return report, status

    return command


def found(report: Report, kind: str) -> list[Report]:
    """The findings of a kind."""
    return [finding for finding in report["findings"] if finding["kind"] == kind]


def table(seed: int = 0, rows: int = 120) -> pandas.DataFrame:
    """Measurements with a label that follows from them."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 3, rows)
    values = generator.normal(0, 1, (rows, 5)) + label[:, None] * np.array([6, -6, 4, 0, 1])
    frame = pandas.DataFrame(values, columns=["width", "height", "mass", "age", "depth"])
    frame["mass"] *= 1000
    return frame.assign(label=label)


def drawing(generator: Any, kind: str, side: int = 48) -> np.ndarray:
    """A disc or a box on a dark ground."""
    y, x = np.mgrid[:side, :side]
    a, b, radius = *generator.uniform(16, side - 16, 2), generator.uniform(6, 13)
    shape = (x - a) ** 2 + (y - b) ** 2 < radius**2
    if kind == "box":
        shape = (abs(x - a) < radius) & (abs(y - b) < radius)
    picture = np.zeros((side, side, 3)) + generator.uniform(0, 60, 3)
    picture[shape] = generator.uniform(130, 255, 3)
    return (picture + generator.normal(0, 6, picture.shape)).clip(0, 255).astype(np.uint8)


def test_rows_of_a_table(tmp_path: Path, audit: Any) -> None:
    train, test = table(0), table(1, 60)
    test.iloc[:4] = train.iloc[10:14]
    near = train.iloc[20] + [0.001, 0, 0.5, 0, 0, 0]
    train.loc[len(train)] = train.iloc[3]
    train.loc[len(train)] = near
    train.loc[50, "age"] = np.nan
    train.loc[51, "age"] = np.inf
    train.loc[52, "width"] = 1e7
    train["unit"] = 1.0
    test["unit"] = 1.0
    train["label"] = train["label"].astype(int)
    test["label"] = test["label"].astype(int)
    train.to_csv(tmp_path / "train.csv", index=False)
    test.to_csv(tmp_path / "test.csv", index=False)
    report, status = audit(tmp_path / "train.csv", tmp_path / "test.csv", "--fail-on", "error")
    assert status == 1
    assert [(s["split"], s["samples"]) for s in report["splits"]] == [("train", 122), ("test", 60)]
    within, across = sorted(found(report, "exact-duplicates"), key=lambda f: f["other_split"] or "")
    assert within["pairs"] == [[3, 120]] and within["level"] == "warning"
    assert across["pairs"] == [[10, 0], [11, 1], [12, 2], [13, 3]] and across["level"] == "error"
    [close] = found(report, "near-duplicates")
    assert close["pairs"] == [[20, 121]]
    levels = {f["level"]: f["examples"] for f in found(report, "not-finite")}
    assert levels == {"advice": [50], "error": [51]}
    assert [f["column"] for f in found(report, "constant-input")] == ["unit", "unit"]
    [far] = found(report, "out-of-range")
    assert (far["column"], far["examples"]) == ("width", [52])


def test_a_sound_table_is_silent(tmp_path: Path, audit: Any) -> None:
    frame = table(2, 150)
    frame["split"] = ["train"] * 100 + ["test"] * 50
    frame["patient_id"] = np.arange(150) // 2
    frame.to_parquet(tmp_path / "cells.parquet")
    report, status = audit(tmp_path / "cells.parquet")
    assert (report["findings"], status) == ([], 0)
    assert [s["split"] for s in report["splits"]] == ["train", "test"]


def test_few_different_values_repeat_by_chance(tmp_path: Path, audit: Any) -> None:
    generator = np.random.default_rng(0)
    frame = pandas.DataFrame(generator.integers(0, 3, (300, 3)), columns=list("abc"))
    frame["label"] = generator.integers(0, 2, 300)
    frame.to_csv(tmp_path / "votes.csv", index=False)
    report, status = audit(tmp_path / "votes.csv")
    assert status == 0
    assert {f["level"] for f in report["findings"]} <= {"advice"}


def test_groups_and_time_leak(tmp_path: Path, audit: Any) -> None:
    frame = table(3, 120)
    frame["patient"] = [f"p{n // 4}" for n in range(120)]
    frame["taken"] = pandas.date_range("2024-01-01", periods=120).astype(str)
    order = np.random.default_rng(0).permutation(120)
    frame.iloc[order[:80]].to_csv(tmp_path / "train.csv", index=False)
    frame.iloc[order[80:]].to_csv(tmp_path / "test.csv", index=False)
    report, status = audit(tmp_path, "--time", "taken")
    [groups], [time] = found(report, "leaked-groups"), found(report, "leaked-time")
    assert (groups["level"], time["level"], status) == ("warning", "error", 1)
    assert "`patient`" in groups["message"] and groups["other_split"] == "test"
    named, _ = audit(tmp_path, "--group", "patient", "--select", "leaked-groups")
    assert [f["level"] for f in named["findings"]] == ["error"]


def test_labels(tmp_path: Path, audit: Any) -> None:
    frame = table(4, 200)
    swapped = np.random.default_rng(1).permutation(200)[:10]
    frame.loc[swapped, "label"] = (frame.loc[swapped, "label"] + 1) % 3
    frame.loc[7, "label"] = 9
    frame.to_csv(tmp_path / "all.csv", index=False)
    report, _ = audit(tmp_path / "all.csv", "--classes", 3)
    [outside] = found(report, "label-range")
    assert (outside["examples"], outside["level"]) == ([7], "error")
    [doubted] = found(report, "label-issues")
    assert len(set(doubted["examples"]) & set(swapped.tolist())) >= 5
    assert len(set(doubted["examples"]) - set(swapped.tolist())) <= 1


def test_a_sorted_table_is_told(tmp_path: Path, audit: Any) -> None:
    frame = table(5).sort_values("label")
    frame.to_csv(tmp_path / "sorted.csv", index=False)
    report, _ = audit(tmp_path / "sorted.csv", "--select", "sorted-order")
    assert [f["level"] for f in report["findings"]] == ["advice"]


def test_pictures_by_class(tmp_path: Path, audit: Any) -> None:
    generator = np.random.default_rng(0)
    for split, count in (("train", 7), ("test", 3)):
        for kind in ("box", "disc"):
            (tmp_path / split / kind).mkdir(parents=True)
            for number in range(count):
                path = tmp_path / split / kind / f"patient{number}.png"
                Image.fromarray(drawing(generator, kind)).save(path)
    train, test = tmp_path / "train", tmp_path / "test"
    (test / "disc" / "again.png").write_bytes((train / "disc" / "patient0.png").read_bytes())
    Image.open(train / "box" / "patient1.png").resize((96, 96)).save(train / "box" / "other.jpg")
    Image.new("RGB", (48, 48), (9, 9, 9)).save(train / "disc" / "black.png")
    whole = (train / "box" / "patient2.png").read_bytes()
    (train / "box" / "torn.png").write_bytes(whole[: len(whole) // 2])
    (train / "box" / "empty.png").touch()
    (train / "box" / "text.jpg").write_text("no picture")
    report, status = audit(tmp_path, "--group", r"(patient\d)")
    assert status == 1
    broken = {f["names"][0].rpartition("/")[2]: f["message"] for f in found(report, "unreadable")}
    assert set(broken) == {"torn.png", "empty.png", "text.jpg"}
    assert all(len(message) < 100 for message in broken.values())
    [leak] = found(report, "exact-duplicates")
    assert leak["names"] == ["train/disc/patient0.png", "test/disc/again.png"]
    [close] = found(report, "near-duplicates")
    assert set(close["names"]) == {"train/box/patient1.png", "train/box/other.jpg"}
    [blank] = found(report, "constant-input")
    assert blank["names"] == ["train/disc/black.png"]
    assert len(found(report, "leaked-groups")) == 1


def test_masks(tmp_path: Path, audit: Any) -> None:
    generator = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(30):
        picture = drawing(generator, "disc")
        mask = (picture.mean(-1) > 100).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "images" / f"{number:02}.png")
        # each mask is the one of the next picture
        Image.fromarray(mask).save(tmp_path / "masks" / f"{(number + 1) % 30:02}_mask.png")
    report, _ = audit(tmp_path)
    assert [f["level"] for f in found(report, "misordered-pairs")] == ["error"]
    for number in range(30):
        picture = np.asarray(Image.open(tmp_path / "images" / f"{number:02}.png"))
        mask = (picture.mean(-1) > 100).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number:02}_mask.png")
    report, status = audit(tmp_path)
    assert (report["findings"], status) == ([], 0)
    (tmp_path / "masks" / "04_mask.png").unlink()
    Image.fromarray(np.zeros((48, 48), np.uint8)).save(tmp_path / "masks" / "05_mask.png")
    Image.fromarray(mask[:40]).save(tmp_path / "masks" / "06_mask.png")
    report, _ = audit(tmp_path)
    told = {f["names"][0]: f["level"] for f in found(report, "broken-pairs")}
    assert told == {"images/04.png": "error", "images/05.png": "warning", "images/06.png": "error"}


def test_hugging_face_on_disk(tmp_path: Path, audit: Any) -> None:
    stories = ["a bird sings at dawn", "the net learns nothing", "two cats sleep on a mat"] * 4
    texts = [f"{story} {chr(97 + n)}{n * 37}" for n, story in enumerate(stories)]
    features = {
        "text": {"_type": "Value", "dtype": "string"},
        "label": {"_type": "ClassLabel", "names": ["bad", "good"]},
    }
    for split, rows in (("train", texts), ("test", [texts[2], "something else entirely", ""])):
        folder = tmp_path / split
        folder.mkdir()
        columns = {"text": rows, "label": [n % 2 for n in range(len(rows))]}
        data = pyarrow.table(columns)
        path = str(folder / "data-00000-of-00001.arrow")
        with pyarrow.OSFile(path, "wb") as sink, pyarrow.ipc.new_stream(sink, data.schema) as out:
            out.write_table(data)
        listed = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}
        (folder / "state.json").write_text(json.dumps(listed))
        (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    report, status = audit(tmp_path)
    assert report["input"] == "text" and status == 1
    assert report["splits"][0]["labels"] == {"bad": 6, "good": 6}
    [leak] = found(report, "exact-duplicates")
    assert leak["pairs"] == [[2, 0]]
    assert [f["examples"] for f in found(report, "constant-input")] == [[2]]


@pytest.mark.parametrize(
    ("encoding", "told"), [("cp1252", "is not UTF-8 (byte 0xe9"), ("utf-16", "is in UTF-16")]
)
def test_another_encoding(tmp_path: Path, audit: Any, encoding: str, told: str) -> None:
    rows = "\n".join(f"{n},{n * 1.5},caf\u00e9 {n}" for n in range(30))
    (tmp_path / "shops.csv").write_text(f"a,b,label\n{rows}\n", encoding=encoding)
    report, _ = audit(tmp_path / "shops.csv")
    [finding] = found(report, "unreadable")
    assert told in finding["message"] and finding["level"] == "warning"
    assert report["splits"][0]["samples"] == 30


def test_broken_tables(tmp_path: Path, audit: Any) -> None:
    rows = "".join(f"{n},{n % 7},{n % 2}\n" for n in range(30))
    (tmp_path / "torn.csv").write_text(f"a,b,label\n{rows}1,2,3,4,5\n")
    report, _ = audit(tmp_path / "torn.csv")
    [finding] = found(report, "unreadable")
    assert "1 line cannot be read (line 32)" in finding["message"]
    (tmp_path / "bytes.csv").write_bytes(b"\x00\x01\x02")
    (tmp_path / "none.csv").write_text("a,b,label\n")
    (tmp_path / "junk.parquet").write_bytes(b"PAR1 nothing")
    for name in ("bytes.csv", "none.csv", "junk.parquet", "absent.csv"):
        report, status = audit(tmp_path / name)
        assert status == 2 and report["error"].count("\n") == 1, report
        assert report["error"].startswith("error: ") and "Traceback" not in report["error"]
    report, status = audit(tmp_path / "torn.csv", "--label", "lable")
    assert status == 2 and "did you mean `label`" in report["error"]


def test_other_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = table(6, 60)
    frame.loc[60] = frame.iloc[0]
    frame.to_csv(tmp_path / "all.csv", index=False)
    target = str(tmp_path / "all.csv")
    assert run(["audit", target]) == 1
    assert "warning exact-duplicates" in capsys.readouterr().out
    assert run(["audit", target, "--output-format", "markdown", "--fail-on", "never"]) == 0
    assert "| **warning** | `exact-duplicates` |" in capsys.readouterr().out
    page = tmp_path / "page.html"
    assert run(["audit", target, "--output-format", "html", "--output-file", str(page)]) == 1
    text = page.read_text(encoding="utf-8")
    assert "exact-duplicates" in text and "data:image/png;base64," in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert run(["audit", target, "--select", "nothing"]) == 2
    assert run(["audit", target, "--pictures", str(tmp_path / "shown")]) == 1
    assert [p.name for p in (tmp_path / "shown").iterdir()] == ["batch-data.png"]


def test_schema_is_current() -> None:
    path = ROOT / "docs" / "schemas" / "audit.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == audit_schema(), (
        "renew it with: python docs/generate.py"
    )


def test_every_kind_is_documented() -> None:
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    told = [" ".join(plugin.documentation.split()) for plugin in load()]
    shown = " ".join(page.split())
    assert all(text in shown for text in told), "renew it with: python docs/generate.py"
    assert all(f"### `{kind}`" in page for kind in kinds())


@pytest.mark.parametrize(
    ("name", "text", "encoding", "features"),
    [
        ("decimals", "w;h;label\n" + "".join(f"{n},5;1.{n:03},25;{n % 2}\n" for n in range(40)), "", 2),
        ("names", "name,w,label\n" + "".join(f"n{n},{n * n}.5,{n % 2}\n" for n in range(40)), "", 1),
        ("years", "2019,2020,label\n" + "".join(f"{n},{n * n},{n % 2}\n" for n in range(40)), "", 2),
        ("unmarked", "w,h,label\n" + "".join(f"{n},{n * n},{n % 2}\n" for n in range(40)), "utf-16-le", 2),
        ("wide", "w,h,label\n" + "".join(f"{n},{n * n},{n % 2}\n" for n in range(40)), "utf-32", 2),
    ],
)  # fmt: skip
def test_tables_as_people_write_them(
    tmp_path: Path, audit: Any, name: str, text: str, encoding: str, features: int
) -> None:
    (tmp_path / f"{name}.csv").write_text(text, encoding=encoding or "utf-8")
    report, _ = audit(tmp_path / f"{name}.csv")
    assert (report["splits"][0]["samples"], report["splits"][0]["labels"]) == (
        40,
        {"0": 20, "1": 20},
    )
    assert len(report["splits"][0]["channels"]) == features
    assert [f["kind"] for f in report["findings"] if f["kind"] == "unreadable"] == (
        ["unreadable"] if encoding else []
    )


def test_a_table_without_names_keeps_its_first_row(tmp_path: Path, audit: Any) -> None:
    rows = "".join(f"{n}.5,{n * n},{n % 2}\n" for n in range(40))
    (tmp_path / "rows.csv").write_text(rows)
    report, _ = audit(tmp_path / "rows.csv", "--label", "column 3")
    assert report["splits"][0]["samples"] == 40
    assert any("its first line is data" in note for note in report["notes"])


def test_sounds_of_hugging_face(tmp_path: Path, audit: Any) -> None:
    generator = np.random.default_rng(0)

    def wave(number: int) -> bytes:
        tone = np.sin(np.arange(6000) * (0.1 + 0.02 * number)) / 2
        tone = tone + generator.normal(0, 0.02, 6000)
        kinds = {0: np.float32(tone), 1: np.int16(tone * 32767), 2: np.uint8(tone * 127 + 128)}
        file = io.BytesIO()
        wavfile.write(file, 8000, kinds[number % 3])
        return file.getvalue()

    sounds = [{"bytes": wave(n), "path": None} for n in range(24)]
    sounds[7], sounds[20] = {"bytes": b"RIFF of nothing", "path": None}, sounds[4]
    sounds[9] = {"bytes": b"fLaC", "path": None}
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    data = pyarrow.table(
        {"sound": pyarrow.array(sounds, kind), "label": [n % 2 for n in range(24)]}
    )
    path = str(tmp_path / "data-00000-of-00001.arrow")
    with pyarrow.OSFile(path, "wb") as sink, pyarrow.ipc.new_stream(sink, data.schema) as out:
        out.write_table(data)
    listed = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}
    (tmp_path / "state.json").write_text(json.dumps(listed))
    features = {"sound": {"_type": "Audio"}, "label": {"_type": "Value", "dtype": "int64"}}
    (tmp_path / "dataset_info.json").write_text(json.dumps({"features": features}))
    report, _ = audit(tmp_path)
    assert report["input"] == "audio" and report["splits"][0]["samples"] == 22
    assert [f["pairs"] for f in found(report, "exact-duplicates")] == [[[4, 20]]]
    assert not found(report, "out-of-range")
    told = {f["examples"][0]: f["message"] for f in found(report, "unreadable")}
    assert "cannot be read" in told[7] and "\n" not in told[7] and set(told) == {7, 9}
