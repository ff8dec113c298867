"""Many texts at once, from files and back into one."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from registry import Artifact
from tests.browser.conftest import Visit

HUMAN = "Rain again, so we stayed in and mended the kite. Nobody said much, and that was fine. " * 4
DROP = """([name, content]) => {
  const dropped = new DataTransfer();
  dropped.items.add(new File([content], name));
  const event = new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true });
  document.querySelector('.drop').dispatchEvent(event);
}"""


@pytest.fixture
def page(visit: Callable[..., Visit]) -> Visit:
    page = visit(accept_downloads=True)
    page.wait("ready")
    page.show("files")
    page.page.wait_for_selector("#batch-run")
    return page


def give(page: Visit, *files: tuple[str, bytes]) -> None:
    page.page.set_input_files(
        "#batch-files",
        [{"name": name, "mimeType": "", "buffer": content} for name, content in files],
    )


def run(page: Visit) -> None:
    page.page.click("#batch-run")
    expect(page.page.locator("#batch-status")).to_contain_text("checked:")


def saved(page: Visit) -> list[dict[str, str]]:
    with page.page.expect_download() as download:
        page.page.click("#batch-save")
    content = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content, newline="")))


def table(*rows: tuple[str, str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([("id", "text"), *rows])
    return out.getvalue().encode()


def test_a_csv_comes_back_with_every_row_judged_as_if_alone(
    page: Visit, lexical_tiny: Artifact
) -> None:
    quoted = f'He said "no",\nand left. {HUMAN}'
    give(page, ("essays.csv", table(("1", HUMAN), ("2", quoted), ("3", ""), ("4", "Too short."))))
    run(page)
    rows = saved(page)
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[1]["text"] == quoted
    assert rows[2]["samegraph_error"] == "no text"
    assert "too_short" in rows[3]["samegraph_warnings"].split()
    assert rows[0]["samegraph_artifact_digest"] == lexical_tiny.manifest.digest
    assert rows[0]["samegraph_backend"] == "client_side"
    page.show("one-text")
    assert page.check(HUMAN) == float(rows[0]["samegraph_probability"])
    assert (page.violations, page.complaints) == ([], [])


def test_text_files_are_one_text_each(page: Visit) -> None:
    give(page, ("a.txt", HUMAN.encode()), ("b.md", "Grüße aus Köln. ".encode("cp1252") * 40))
    run(page)
    rows = saved(page)
    assert [row["file"] for row in rows] == ["a.txt", "b.md"]
    assert rows[1]["text"].startswith("Grüße aus Köln.")
    assert all(row["samegraph_probability"] for row in rows)


def test_dropped_files_are_taken_like_chosen_ones(page: Visit) -> None:
    page.page.evaluate(DROP, ["dropped.csv", table(("1", HUMAN)).decode()])
    expect(page.page.locator("#batch-status")).to_have_text("1 text to check.")
    run(page)
    assert len(page.page.locator("#batch tbody tr").all()) == 1


def test_the_column_with_the_texts_can_be_chosen(page: Visit) -> None:
    give(page, ("two.csv", f'question,reply\n"{HUMAN}",{"word " * 200}\n'.encode()))
    expect(page.page.locator("#batch-column")).to_have_value("reply")
    page.page.select_option("#batch-column", "question")
    expect(page.page.locator(".excerpt")).to_contain_text("mended the kite")


def test_what_would_be_a_formula_in_a_spreadsheet_is_none_in_the_file(page: Visit) -> None:
    give(page, ("evil.csv", table(("=HYPERLINK(1)", f"=1+1 {HUMAN}"), ("2", f"@SUM {HUMAN}"))))
    run(page)
    rows = saved(page)
    cells = [cell for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")] == []
    assert rows[0]["id"] == "'=HYPERLINK(1)"


def test_a_run_can_be_stopped_and_what_was_reached_is_kept(page: Visit) -> None:
    rows = tuple((str(n), f"{n} {HUMAN}" * 20) for n in range(800))
    give(page, ("many.csv", table(*rows)))
    expect(page.page.locator("#batch-status")).to_contain_text("the first 500 are shown")
    page.page.click("#batch-run")
    page.page.wait_for_function("() => document.getElementById('batch-progress').value > 0")
    page.page.click("#batch-stop")
    expect(page.page.locator("#batch-status")).to_contain_text("Stopped after")
    done = [bool(row["samegraph_probability"]) for row in saved(page)]
    assert any(done)
    assert not all(done)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("broken.csv", b'id,text\n1,"never closed\n', "broken.csv: row"),
        ("picture.txt", b"\x89PNG\x00\x00", "picture.txt is not a text file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    page: Visit, name: str, content: bytes, said: str
) -> None:
    give(page, (name, content))
    expect(page.page.locator("#batch-status")).to_contain_text(said)
    expect(page.page.locator("#batch-run")).to_be_disabled()
