"""Corpora in every format: what is read, refused and written."""

import csv
import datetime
import gzip
import itertools
from pathlib import Path
from typing import Any

import pytest

from registry import Artifact
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.part import Cut
from runtime_server.bulk.result_columns import ResultColumns
from tests.bulk.conftest import LIMITS, Run, read_lines, write_lines

AWKWARD = 'say "yes",\nthen\r\n  go; 1.10, 007'


def write_table(path: Path, columns: dict[str, Any]) -> Path:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


def read_table(path: Path) -> Any:  # noqa: ANN401
    return pytest.importorskip("pyarrow.parquet").read_table(path)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_values_come_out_as_they_went_in(tmp_path: Path, run_job: Run) -> None:
    rows = [
        {"id": "007", "text": AWKWARD, "at": "2024-01-01"},
        {"id": "1.10", "text": "", "at": ""},
    ]
    with (tmp_path / "in.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("id", "text", "at"))
        writer.writeheader()
        writer.writerows(rows)
    done = run_job(tmp_path / "in.csv", tmp_path / "out.csv")
    found = read_csv(tmp_path / "out.csv")
    assert [{name: row[name] for name in rows[0]} for row in found] == rows
    assert float(found[0]["probability"]) <= 1
    assert found[1]["probability"] == ""
    assert found[1]["error"].startswith("text_too_short")
    assert (done.rows, done.n_refused) == (2, 1)


def test_a_text_has_the_same_probability_in_every_format(
    tmp_path: Path, run_job: Run, hash_tiny: Artifact
) -> None:
    pytest.importorskip("pyarrow")
    texts = [AWKWARD, "short", "Ünïcödé 🙂 ا", "x" * 99_000]
    lines = write_lines(tmp_path / "0.jsonl", [{"text": text} for text in texts])
    ends = (".csv", ".parquet", ".csv.gz", ".jsonl.gz", ".parquet", ".jsonl")
    chain = [lines, *(tmp_path / f"{n}{end}" for n, end in enumerate(ends, 1))]
    for number, (source, target) in enumerate(itertools.pairwise(chain)):
        columns = ResultColumns(hash_tiny.manifest, 0.5, f"p{number}_")
        run_job(source, target, columns=columns)
    for row, text in zip(read_lines(chain[-1]), texts, strict=True):
        assert row["text"] == text
        assert len({float(str(row[f"p{number}_probability"])) for number in range(6)}) == 1


def test_parquet_keeps_types_and_nested_columns(tmp_path: Path, run_job: Run) -> None:
    pa = pytest.importorskip("pyarrow")
    columns = {
        "text": pa.array(["one", None, "three"], pa.large_string()),
        "when": pa.array([1, 2, 1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
        "price": pa.array([1, None, 3]).cast(pa.decimal128(30, 2)),
        "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
        "tags": pa.array([[{"a": 1}], [], None]),
        "raw": pa.array([b"\xff", b"", None]),
        "ratio": pa.array([float("nan"), 1.5, None]),
    }
    corpus = write_table(tmp_path / "in.parquet", columns)
    run_job(corpus, tmp_path / "out.parquet")
    before, after = read_table(corpus), read_table(tmp_path / "out.parquet")
    for name in columns:
        assert after.schema.field(name) == before.schema.field(name)
        one, other = (table.column(name).combine_chunks() for table in (before, after))
        assert one.to_string() == other.to_string()  # equal, NaN too
    assert str(after.schema.field("probability").type) == "double"
    assert str(after.schema.field("prediction").type) == "int32"
    assert after.column("error").to_pylist()[1].startswith("invalid_request")


def test_parquet_becomes_plain_values_in_other_formats(tmp_path: Path, run_job: Run) -> None:
    pa = pytest.importorskip("pyarrow")
    columns = {
        "text": pa.array(["one"]),
        "day": pa.array([datetime.date(2024, 1, 2)]),
        "tags": pa.array([[{"a": 1}]]),
        "raw": pa.array([b"\xff"]),
        "ratio": pa.array([float("nan")]),
    }
    corpus = write_table(tmp_path / "in.parquet", columns)
    run_job(corpus, tmp_path / "out.jsonl")
    run_job(corpus, tmp_path / "out.csv")
    (line,) = read_lines(tmp_path / "out.jsonl")
    assert [line[name] for name in columns] == ["one", "2024-01-02", [{"a": 1}], "/w==", None]
    (row,) = read_csv(tmp_path / "out.csv")
    assert [row[name] for name in columns] == ["one", "2024-01-02", '[{"a": 1}]', "/w==", ""]


def test_json_lines_keep_what_json_can_say(tmp_path: Path, run_job: Run) -> None:
    lines = (
        '{"text": "one", "big": 123456789012345678901234567890, "f": 1.0, "at": "2024-01-01"}',
        '{"text": "two", "deep": {"a": [1, null]}, "odd": "\\ud800"}',
    )
    (tmp_path / "in.jsonl").write_text("\n".join(("\ufeff" + lines[0], "", lines[1])))
    run_job(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    found = (tmp_path / "out.jsonl").read_text().splitlines()
    for line, own in zip(found, lines, strict=True):
        assert line.startswith(own.removesuffix("}"))


def test_json_lines_of_one_type_per_key_become_parquet(tmp_path: Path, run_job: Run) -> None:
    pytest.importorskip("pyarrow")
    rows: list[dict[str, object]] = [{"text": f"text {n}", "n": n} for n in range(2000)]
    rows += [{"text": "odd \ud800", "n": 1.5, "late": {"a": [1]}}]
    run_job(
        write_lines(tmp_path / "in.jsonl", rows), tmp_path / "out.parquet", cut=Cut(1000, LIMITS)
    )
    table = read_table(tmp_path / "out.parquet")
    assert table.num_rows == 2001
    assert table.column("n").to_pylist()[1998:] == [1998.0, 1999.0, 1.5]
    assert table.column("late").to_pylist()[-1] == {"a": [1]}
    assert table.column("text").to_pylist()[-1] == "odd \ufffd"


@pytest.mark.parametrize(
    "values", [[1, "a"], [2**70], [2**60 + 1, 0.5], [{}], [{"a": 1}, {"a": "b"}]]
)
def test_json_lines_of_several_types_are_refused_before_anything_is_scored(
    tmp_path: Path, run_job: Run, values: list[object]
) -> None:
    pytest.importorskip("pyarrow")
    rows = [{"text": "a text", "odd": value} for value in values]
    corpus = write_lines(tmp_path / "in.jsonl", rows)
    with pytest.raises(BulkError, match="'odd' have no one type"):
        run_job(corpus, tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


GOOD = b'{"text": "a"}\n'


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("in.jsonl", GOOD * 2 + b'{"text": "b\n' + GOOD, "line 3: not JSON"),
        ("in.jsonl", GOOD + b"[1]\n", "line 2: not an object"),
        ("in.jsonl", GOOD + b"[" * 100_000 + b"\n", "line 2: "),
        ("in.jsonl", GOOD + b'{"text": "caf\xe9"}\n', "line 2: not UTF-8 .byte 14 of the line"),
        ("in.jsonl.gz", gzip.compress(GOOD * 10_000)[:-20], "cannot be read after line"),
        ("in.jsonl.gz", GOOD, "cannot be read after line 0"),
        ("in.csv", b"", "is empty: the names of its columns are missing"),
        ("in.csv", b"id,body\n1,a\n", "no column 'text'; there are: id, body"),
        ("in.csv", b"text,text\na,b\n", "two columns of the name 'text'"),
        ("in.csv", b'text,n\n"a\nb",1\na,2,3\n', "line 4: 3 values for 2 columns"),
        ("in.csv", b'text\na\n"never closed\nb\n', "line 4: not CSV"),
        ("in.csv", b"text\ncaf\xe9\n", "line 2: not UTF-8"),
        ("in.parquet", b"PAR1 it is not", "is not Parquet, or not whole"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_before_anything_is_scored(
    tmp_path: Path, run_job: Run, name: str, content: bytes, told: str
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BulkError, match=told):
        run_job(tmp_path / name, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_parquet_without_texts_is_refused(tmp_path: Path, run_job: Run) -> None:
    corpus = write_table(tmp_path / "in.parquet", {"text": [1, 2], "body": ["a", "b"]})
    with pytest.raises(BulkError, match="the column 'text' holds int64, not text"):
        run_job(corpus, tmp_path / "out.jsonl")
    with pytest.raises(BulkError, match="no column 'title'; there are: text, body"):
        run_job(corpus, tmp_path / "out.jsonl", text_column="title")


def test_parquet_strings_that_are_not_utf8_are_read_as_norm_1_reads_them(
    tmp_path: Path, run_job: Run
) -> None:
    pa = pytest.importorskip("pyarrow")
    broken = pa.array([b"caf\xe9", b"plain"]).view(pa.string())
    corpus = write_table(tmp_path / "in.parquet", {"text": broken})
    run_job(corpus, tmp_path / "out.jsonl")
    assert [row["text"] for row in read_lines(tmp_path / "out.jsonl")] == ["caf\ufffd", "plain"]


def test_an_empty_table_stays_one(tmp_path: Path, run_job: Run) -> None:
    pa = pytest.importorskip("pyarrow")
    corpus = write_table(tmp_path / "in.parquet", {"text": pa.array([], pa.string())})
    run_job(corpus, tmp_path / "out.parquet")
    assert read_table(tmp_path / "out.parquet").column_names[:2] == ["text", "probability"]


def test_a_limit_takes_the_first_rows(tmp_path: Path, run_job: Run, hash_tiny: Artifact) -> None:
    pytest.importorskip("pyarrow")
    rows = [{"text": f"text {n}"} for n in range(7)]
    corpus = write_lines(tmp_path / "in.jsonl", rows)
    for name in ("7.csv", "7.parquet", "7.jsonl"):
        run_job(corpus, tmp_path / name)
        columns = ResultColumns(hash_tiny.manifest, 0.5, "again_")
        out = tmp_path / f"4-{name}.jsonl"
        assert run_job(tmp_path / name, out, limit=4, columns=columns).rows == 4
        assert [row["text"] for row in read_lines(out)] == [row["text"] for row in rows[:4]]
