"""A run over a corpus: what it writes, what it refuses, what it leaves behind."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from registry import Artifact
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.part import Cut
from runtime_server.bulk.parts_folder import PartsFolder
from tests.bulk.conftest import (
    LIMITS,
    BreakOffError,
    BreaksAfter,
    Heard,
    Run,
    read_lines,
    write_lines,
)
from tests.server.conftest import publish_to

ROWS = [{"text": f"text number {n}", "n": n} for n in range(10)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "in.jsonl", ROWS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def test_every_row_is_kept_in_order_and_has_the_new_columns(
    corpus: Path, out: Path, run_job: Run, hash_tiny: Artifact
) -> None:
    done = run_job(corpus, out)
    found = read_lines(out)
    assert (done.rows, done.scored, done.n_refused) == (10, 10, 0)
    assert [(row["text"], row["n"]) for row in found] == [(row["text"], row["n"]) for row in ROWS]
    for row in found:
        assert 0 <= row["probability"] <= 1  # type: ignore[operator]
        assert row["prediction"] == int(row["probability"] >= 0.5)  # type: ignore[operator]
        assert (row["windows"], row["truncated"], row["error"]) == (1, False, None)
        assert (row["model"], row["digest"]) == ("hash-tiny@1.0.0", hash_tiny.manifest.digest)
    assert [path.name for path in out.parent.iterdir()] == [corpus.name, out.name]


def test_rows_whose_text_is_not_taken_are_reported_and_end_nothing(
    tmp_path: Path, out: Path, run_job: Run
) -> None:
    texts: list[object] = ["good", "", None, 5, ["a"], "word " * 100_000, "\ud800", "\0", "good"]
    rows: list[dict[str, object]] = [{"id": "same", "text": text} for text in texts]
    corpus = write_lines(tmp_path / "in.jsonl", [*rows, {"id": "none"}])
    done = run_job(corpus, out, id_column="id")
    found = read_lines(out)
    errors = [str(row["error"]).partition(":")[0] for row in found]
    none, short, long, kind = "None", "text_too_short", "text_too_long", "invalid_request"
    assert errors == [none, short, kind, kind, kind, long, none, none, none, kind]
    assert [row["probability"] is None for row in found] == [code != none for code in errors]
    assert [row.get("text") for row in found] == [*texts, None]
    assert found[0]["probability"] == found[8]["probability"]
    assert (done.rows, done.n_refused, done.refusals[0].name) == (10, 6, "id same")


def test_a_run_that_broke_off_goes_on_and_scores_nothing_twice(
    corpus: Path, out: Path, run_job: Run, tmp_path: Path
) -> None:
    with pytest.raises(BreakOffError):
        run_job(corpus, out, BreaksAfter(parts=2))
    assert not out.exists()
    heard = Heard()
    done = run_job(corpus, out, heard)
    assert (heard.total, heard.kept, heard.rows, done.scored) == (10, 6, [3, 1], 4)
    run_job(corpus, tmp_path / "at_once.jsonl")
    assert out.read_bytes() == (tmp_path / "at_once.jsonl").read_bytes()
    assert not (tmp_path / "out.jsonl.parts").exists()


def test_a_run_that_broke_off_before_its_output_was_written_scores_nothing(
    corpus: Path, out: Path, run_job: Run
) -> None:
    with pytest.raises(BreakOffError):
        run_job(corpus, out, BreaksAfter(parts=4))
    heard = Heard()
    assert run_job(corpus, out, heard).scored == 0
    assert heard.total == 0, "no model is loaded for that"
    assert len(read_lines(out)) == 10


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"text_column": "n"}, "--text-column"),
        ({"limit": 4}, "--limit"),
        ({"cut": Cut(4, LIMITS)}, "--part-rows is 4, it was 3"),
        ({"cut": Cut(3, replace(LIMITS, shortest=2))}, "MIN_TEXT_LENGTH"),
    ],
)
def test_parts_of_another_run_are_not_mixed_in(
    corpus: Path, out: Path, run_job: Run, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(BreakOffError):
        run_job(corpus, out, BreaksAfter(parts=1))
    with pytest.raises(BulkError, match=told):
        run_job(corpus, out, **changes)
    assert run_job(corpus, out, restart=True, **changes).rows == (4 if "limit" in changes else 10)


def test_parts_of_another_model_or_input_are_not_mixed_in(
    corpus: Path, out: Path, run_job: Run, half_failing: Artifact
) -> None:
    with pytest.raises(BreakOffError):
        run_job(corpus, out, BreaksAfter(parts=1))
    with pytest.raises(BulkError, match="the model is"):
        run_job(corpus, out, artifact=half_failing)
    write_lines(corpus, [*ROWS, {"text": "one more"}])
    with pytest.raises(BulkError, match="the input has another content"):
        run_job(corpus, out)
    assert run_job(corpus, out, restart=True).scored == 11


def test_a_corpus_of_the_same_bytes_is_the_same(corpus: Path, out: Path, run_job: Run) -> None:
    with pytest.raises(BreakOffError):
        run_job(corpus, out, BreaksAfter(parts=1))
    content = corpus.read_bytes()
    corpus.unlink()
    corpus.write_bytes(content)
    assert run_job(corpus, out).scored == 7


class Appends(Heard):
    """While a run is under way."""

    path: Path

    def finished(self, rows: int) -> None:
        with self.path.open("a") as file:
            file.write('{"text": "a row that came later"}\n')


def test_a_corpus_that_changes_meanwhile_is_not_written(
    corpus: Path, out: Path, run_job: Run
) -> None:
    meter = Appends()
    meter.path = corpus
    with pytest.raises(BulkError, match="changed while it was scored"):
        run_job(corpus, out, meter)
    assert not out.exists()


def test_what_is_there_is_not_overwritten_unasked(corpus: Path, out: Path, run_job: Run) -> None:
    out.write_text("dear\n")
    with pytest.raises(BulkError, match="is there already; --restart"):
        run_job(corpus, out)
    assert out.read_text() == "dear\n"
    run_job(corpus, out, restart=True)
    assert len(read_lines(out)) == 10


def test_nothing_is_left_where_nothing_began(corpus: Path, out: Path, run_job: Run) -> None:
    with pytest.raises(BulkError, match="no line has 'body'; there are: text, n"):
        run_job(corpus, out, text_column="body")
    with pytest.raises(BulkError, match="no column 'key'"):
        run_job(corpus, out, id_column="key")
    assert [path.name for path in out.parent.iterdir()] == [corpus.name]


def test_files_that_cannot_be_are_refused(corpus: Path, tmp_path: Path, run_job: Run) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to(corpus)
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()
    for wrong, told in (
        (corpus, "take the place of the input"),
        (link, "take the place of the input"),
        (folder, "cannot be written"),
        (tmp_path / "none" / "out.jsonl", "cannot be written"),
        (tmp_path / "out.txt", "ends in none of .jsonl"),
    ):
        with pytest.raises(BulkError, match=told):
            run_job(corpus, wrong)
    with pytest.raises(BulkError, match="is no file"):
        run_job(tmp_path / "none.jsonl", tmp_path / "out.jsonl")


def test_a_folder_of_somebody_else_is_left_alone(corpus: Path, out: Path, run_job: Run) -> None:
    strange = out.with_name("out.jsonl.parts")
    strange.mkdir()
    (strange / "thesis.txt").write_text("dear")
    with pytest.raises(BulkError, match="was not made by this command"):
        run_job(corpus, out, restart=True)
    assert (strange / "thesis.txt").read_text() == "dear"


def test_one_run_at_a_time(corpus: Path, out: Path, run_job: Run) -> None:
    with PartsFolder.locked(out), pytest.raises(BulkError, match="another run is at work"):
        run_job(corpus, out)


def test_a_damaged_part_is_named(corpus: Path, out: Path, run_job: Run) -> None:
    with pytest.raises(BreakOffError):
        run_job(corpus, out, BreaksAfter(parts=2))
    (part,) = out.with_name("out.jsonl.parts").glob("part-000000000003-3.jsonl")
    part.write_text("[0.5")
    with pytest.raises(BulkError, match=f"{part.name} is damaged"):
        run_job(corpus, out)
    part.unlink()
    assert run_job(corpus, out).scored == 3


def test_a_scored_corpus_can_be_scored_again_under_other_names(
    corpus: Path, out: Path, tmp_path: Path, run_job: Run, hash_tiny: Artifact
) -> None:
    run_job(corpus, out)
    again = tmp_path / "again.jsonl"
    with pytest.raises(BulkError, match="a column 'probability' already; --prefix"):
        run_job(out, again)
    other = replace(run_columns(hash_tiny), prefix="second_")
    run_job(out, again, columns=other)
    for row in read_lines(again):
        assert row["probability"] == row["second_probability"]


def run_columns(artifact: Artifact) -> object:
    from runtime_server.bulk.result_columns import ResultColumns

    return ResultColumns(artifact.manifest, 0.5)


def test_texts_on_which_the_graph_fails_fail_alone(
    corpus: Path, out: Path, run_job: Run, half_failing: Artifact
) -> None:
    done = run_job(corpus, out, artifact=half_failing, cut=Cut(10, LIMITS))
    found = read_lines(out)
    failed = [row for row in found if row["error"]]
    assert 0 < len(failed) == done.n_refused < 10
    assert all(str(row["error"]).startswith("invalid_output: ") for row in failed)
    assert all((row["probability"] is None) == (row in failed) for row in found)


def test_an_empty_corpus_gives_an_empty_output(tmp_path: Path, run_job: Run) -> None:
    corpus = write_lines(tmp_path / "in.jsonl", [])
    for name in ("out.jsonl", "out.csv"):
        assert run_job(corpus, tmp_path / name).rows == 0
    assert (tmp_path / "out.jsonl").read_text() == ""
    assert (tmp_path / "out.csv").read_text().startswith("probability,prediction,")


def test_an_artifact_of_another_graph_has_another_digest(tmp_path: Path) -> None:
    """The record's digest tells models apart even where name and version are the same."""
    from tests.server.conftest import hash_graph

    one = publish_to(tmp_path / "one", hash_graph(seed=1))
    other = publish_to(tmp_path / "other", hash_graph(seed=2))
    assert one.manifest.reference == other.manifest.reference
    assert one.manifest.digest != other.manifest.digest


def test_the_record_says_what_the_parts_are_of(corpus: Path, out: Path, run_job: Run) -> None:
    with pytest.raises(BreakOffError):
        run_job(corpus, out, BreaksAfter(parts=1))
    record = json.loads(out.with_name("out.jsonl.parts").joinpath("record.json").read_bytes())
    assert record["source"]["rows"] == 10
    assert record["model"] == "hash-tiny@1.0.0"
