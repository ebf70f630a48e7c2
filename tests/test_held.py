"""A report carries its record, and is held against the store: word for word, link for link, byte for byte."""

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pypdf
import pytest
from test_store import dump
from typer.testing import CliRunner

from bench.drawn_records import drawn
from bench.records import filled, whole_after_damage
from bench.tampering import forced
from qa.cli import app
from qa.plain import canonical
from qa.reading import QaError
from qa.record import record_hash, to_json
from qa.store import Store
from reports import attached, held, page, pdf
from reports.held import Pages, hold


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two records, each reviewed and accepted: links 1 to 6."""
    return filled(tmp_path / "records.sqlite", 7, 2)


@pytest.fixture
def printed(store: Store) -> bytes:
    return pdf.render(store.get("trial-0"), store.standing("trial-0"))


def text(content: bytes) -> str:
    return " ".join(" ".join(one.extract_text().split()) for one in pypdf.PdfReader(BytesIO(content)).pages)


def run(store: Store, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*arguments, "--database", str(store.where)])
    return done.exit_code, done.output


def test_report_prints_hash_links_and_signatures(store: Store, printed: bytes) -> None:
    with sqlite3.connect(str(store.where)) as connection:
        own, end = (connection.execute("SELECT hash FROM link WHERE number = ?", (n,)).fetchone()[0] for n in (1, 6))
    said = text(printed)
    for words in (record_hash(store.get("trial-0")), f"1: {own}", f"6: {end}", "Reviewer physicist", "number 0", "reviewed", "accepted"):
        assert words in said
    assert said.count(f"SHA-256 {record_hash(store.get('trial-0'))[:16]}…") == len(pypdf.PdfReader(BytesIO(printed)).pages)


def test_report_carries_the_records_json(store: Store, printed: bytes) -> None:
    reader = pypdf.PdfReader(BytesIO(printed))
    assert reader.attachments["record.json"][0] == canonical(to_json(store.get("trial-0"))).encode()
    assert json.loads(reader.attachments["standing.json"][0])["record_hash"] == record_hash(store.get("trial-0"))
    assert reader.metadata is not None
    assert reader.metadata["/Keywords"] == f"record SHA-256 {record_hash(store.get('trial-0'))}"


def test_report_of_a_record_that_nobody_stored_says_so() -> None:
    said = text(pdf.render(drawn(np.random.default_rng(1), "alone")))
    assert "No store has spoken of this record" in said
    assert "Signed as" not in said


def test_report_of_an_intact_store_is_right_later_too(store: Store, printed: bytes, tmp_path: Path) -> None:
    assert (hold(printed, store).faults, hold(printed, store).pages, hold(printed, store).later) == ((), Pages.SAME, ())
    store.sign("trial-0", "Other", "physicist", "rejected")
    assert (hold(printed, store).faults, hold(printed, store).pages) == ((), Pages.SAME)
    assert hold(printed, store).later == ("rejected by Other",)
    (tmp_path / "report.pdf").write_bytes(printed)
    status, said = run(store, "verify", str(tmp_path / "report.pdf"))
    assert status == 0
    assert "record trial-0 is the stored one" in said
    assert "intact: 2 records, 5 events, 7 links" in said


def test_report_whose_pages_say_something_else_is_found(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another word on the page, the true record inside: what somebody with a PDF editor would do."""
    record, standing = store.get("trial-0"), store.standing("trial-0")
    monkeypatch.setattr(page, "DISCLAIMER", "This machine is perfect.")
    forged = pdf.render(record, standing)
    monkeypatch.undo()
    assert hold(forged, store).pages is Pages.CHANGED
    (tmp_path / "report.pdf").write_bytes(forged)
    status, said = run(store, "verify", str(tmp_path / "report.pdf"))
    assert status == 1
    assert "its pages do not say what the record says" in said
    monkeypatch.setattr(held.qa, "__version__", "99")  # a newer program cannot know what an older one printed
    assert hold(forged, store).pages is Pages.OTHER
    assert run(store, "verify", str(tmp_path / "report.pdf"))[0] == 3


def test_report_with_something_added_is_not_called_whole(store: Store, printed: bytes, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(printed + b"\n% stamped")
    assert hold(printed + b"\n% stamped", store).pages is Pages.WORDS
    assert run(store, "verify", str(tmp_path / "report.pdf"))[0] == 3


def test_no_report_with_a_damaged_byte_is_called_whole(store: Store) -> None:
    assert whole_after_damage(store, 30, seed=2) == []


def test_report_whose_pages_cannot_be_read_is_changed(store: Store, printed: bytes) -> None:
    place = printed.index(b"/Kids") + 6  # where the list of pages begins
    found = hold(printed[:place] + b"\x00" + printed[place + 1 :], store)
    assert found.pages is Pages.CHANGED
    assert found.faults == ("its pages do not say what the record says, or cannot be read",)


def test_report_with_another_record_inside_is_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record, standing = store.get("trial-0"), store.standing("trial-0")
    plain = to_json(record)
    plain["record"]["machine"] = "another"
    files = attached.contents(record, standing) | {attached.RECORD: canonical(plain).encode()}
    monkeypatch.setattr(page, "contents", lambda *_: files)
    faults = hold(pdf.render(record, standing), store).faults
    assert "not the one that its hash was printed for" in faults[0]
    assert "the store's record trial-0 has another hash" in faults[1]


def test_report_of_what_the_store_does_not_know_is_found(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other.sqlite")
    other.add(drawn(np.random.default_rng(9), "elsewhere"))
    assert "there is no record 'elsewhere'" in hold(pdf.render(other.get("elsewhere"), other.standing("elsewhere")), store).faults[0]


def test_signature_that_the_store_does_not_know_is_found(store: Store, printed: bytes) -> None:
    force = forced(Path(str(store.where)))
    force.execute("DELETE FROM sign_off WHERE record_id = 'trial-0'")
    assert hold(printed, store).faults == ("the store does not know that Reviewer signed it as reviewed",)


def forged(store: Store, **other: object) -> tuple[str, ...]:
    """What is wrong with a report of trial-0 that says something else of its standing than the store."""
    return hold(pdf.render(store.get("trial-0"), replace(store.standing("trial-0"), **other)), store).faults  # type: ignore[arg-type]


def test_signature_that_was_left_out_is_found(store: Store) -> None:
    earlier = store.standing("trial-0")
    store.sign("trial-0", "Bob Kay", "physicist", "rejected", "the ball was loose")
    now = store.standing("trial-0")
    left_out = ("it leaves out that Bob Kay signed it as rejected before it was printed",)
    assert forged(store, signatures=earlier.signatures) == left_out
    assert forged(store) == forged(store, signatures=earlier.signatures, end=earlier.end) == ()  # printed before it was rejected
    assert forged(store, end=earlier.end) == ("it says that Bob Kay signed it as rejected, which was after the last link that it names",)
    assert len(forged(store, signatures=())) == len(now.signatures) == 3


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("who", "Other"),
        ("role", "director"),
        ("meaning", "approved"),
        ("signed", datetime(2026, 1, 1, tzinfo=UTC)),
        ("comment", "fine"),
        ("own_run", True),
        ("id", "trial-0/0"),
    ],
)
def test_signature_of_which_a_word_was_changed_is_found(store: Store, part: str, value: object) -> None:
    """Rejected by Reviewer, printed as something else."""
    store.sign("trial-0", "Reviewer", "physicist", "rejected", "the ball was loose")
    *others, last = store.standing("trial-0").signatures
    changed = replace(last, **{part: value})  # type: ignore[arg-type]
    assert forged(store, signatures=(*others, changed)) == (
        "it leaves out that Reviewer signed it as rejected before it was printed",
        f"the store does not know that {changed.who} signed it as {changed.said}",
    )


def test_link_that_is_not_the_records_or_not_named_is_found(store: Store) -> None:
    no_end = "it does not name the last link when it was printed, so nothing says what was signed by then"
    assert forged(store, place=store.standing("trial-1").place) == ("it names link 4 as the record's, which is link 1",)
    assert forged(store, place=None) == ("it names no link as the record's, which is link 1",)
    assert forged(store, end=None) == (no_end,)
    assert forged(store, place=None, end=None) == ("it names no link as the record's, which is link 1", no_end)


def test_report_older_than_the_chain_is_right_when_its_record_was_adopted(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite") as old:
        old.executescript(dump(4))
    store = Store(tmp_path / "old.sqlite")
    content = pdf.render(store.get("held"), store.standing("held"))
    assert store.standing("held").end is None
    assert hold(content, store).faults == ()
    store.sign("held", "Bob Kay", "physicist", "rejected")
    assert store.standing("held").end is not None
    assert (hold(content, store).faults, hold(content, store).later) == ((), ("rejected by Bob Kay",))


def test_chain_that_was_cut_or_written_anew_is_found_by_a_report(store: Store, printed: bytes, tmp_path: Path) -> None:
    """The file alone looks intact then: the printed last link is what tells."""
    force = forced(Path(str(store.where)))
    for table in ("record", "input", "reading", "judgement", "baseline", "comparison", "basis", "evidence", "acceptance", "sign_off"):
        force.execute(f"DELETE FROM {table} WHERE record_id = 'trial-1'")
    force.execute("DELETE FROM link WHERE number > 3")
    assert store.verify().intact
    assert hold(printed, store).faults == (
        "the last link when it was printed, number 6, is not in the store any more: its chain was cut or written anew",
    )
    anew = Store(tmp_path / "anew.sqlite")
    anew.add(store.get("trial-0"))
    anew.sign("trial-0", "Reviewer", "physicist", "reviewed")
    assert anew.verify().intact
    assert any("the record's link, number 1, is not in the store" in fault for fault in hold(printed, anew).faults)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no PDF"), (b"%PDF-1.4 nothing", "no report with its record inside"), (b"words " * 100, "no PDF")],
)
def test_what_is_no_report_is_refused(store: Store, content: bytes, said: str) -> None:
    with pytest.raises(QaError, match=f"this is {said}"):
        hold(content, store)


# The commands


def test_sign_and_list_say_who_signed(store: Store) -> None:
    status, said = run(store, "sign", "trial-1", "--by", "Ann", "--role", "physicist", "--as", "approved", "--comment", "fine")
    assert status == 0
    assert "approved by Ann, physicist" in said
    assert "(fine)" in said
    assert "reviewed by Reviewer (physicist); approved by Ann (physicist)" in run(store, "list")[1]
    assert "approved by Ann, physicist" in run(store, "report", "trial-1")[1]
    status, said = run(store, "sign", "trial-1", "--by", "performer", "--role", "therapist", "--as", "approved")
    assert status == 2
    assert "Performer performed it" in said


@pytest.mark.parametrize(("own_review", "expected"), [("true", 0), ("false", 2)])
def test_own_run_is_reviewed_only_where_the_site_file_says_so(store: Store, tmp_path: Path, own_review: str, expected: int) -> None:
    site = tmp_path / "site.toml"
    site.write_text(f'name = "Clinic"\nown_review = {own_review}\n[[machine]]\nname = "LINAC-B"\n', "utf-8")
    own = ("sign", "trial-1", "--by", "Performer", "--role", "physicist", "--as", "reviewed", "--site", str(site))
    status, said = run(store, *own)
    assert status == expected
    assert ("reviewed (own run) by Performer" in said) is (expected == 0)
    assert ("reviewed (own run) by Performer (physicist)" in run(store, "list")[1]) is (expected == 0)
    assert ("reviewed (own run)" in text(pdf.render(store.get("trial-1"), store.standing("trial-1")))) is (expected == 0)
    assert len(store.standing("trial-1").signatures) == (3 if expected == 0 else 2)


def test_verify_names_the_first_broken_link(store: Store) -> None:
    status, said = run(store, "verify")
    assert status == 0
    assert said.splitlines()[0].startswith("intact: 2 records, 4 events, 6 links")
    end = store.standing("trial-0").end
    assert end is not None
    assert f"last link 6: {end.hash}" in said
    force = forced(Path(str(store.where)))
    force.execute("UPDATE sign_off SET who = 'Eve' WHERE record_id = 'trial-1'")
    force.execute("UPDATE reading SET u = 0.001 WHERE record_id = 'trial-0' AND idx = 0")
    status, said = run(store, "verify")
    assert status == 1
    assert said.splitlines()[0].startswith("BROKEN: first: link 1: record changed: record trial-0")
    assert said.splitlines()[1].startswith("BROKEN: link 5: event changed: sign-off trial-1/0")


def test_verify_of_nothing_is_no_pass(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["verify", "--database", str(tmp_path / "none.sqlite")])
    assert done.exit_code == 2
    assert "there is no such file of records" in done.output
    assert not (tmp_path / "none.sqlite").exists()
    assert run(Store(tmp_path / "empty.sqlite"), "verify")[0] == 3


def test_file_that_is_no_pdf_is_told_as_that(store: Store, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('name = "Clinic"')
    status, said = run(store, "verify", str(tmp_path / "site.toml"))
    assert (status, "this is no PDF: name a report" in said) == (2, True)
