"""Mails to physicists, by a real server: what they say, what keeps them from being sent, and that nothing else changes."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from test_record import comparison
from typer.testing import CliRunner

from bench.drawn_records import drawn
from phantoms import rtimage
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import Panel
from qa import mailing, site, telling
from qa.cli import app
from qa.due import Due, State
from qa.limit import Outcome
from qa.mailing import Delivery, Letter, deliver
from qa.reading import QaError
from qa.record import Record
from qa.site_tables import Notification
from qa.store import Store
from reports import mail

LETTER = Letter("STOP: Linac 1", "one line\n")


class Post:
    """What a server took, and how it answers."""

    def __init__(self, recipient: str = "", data: str = "250 OK") -> None:
        self.refused, self.answer, self.taken = recipient, data, list[EmailMessage]()
        self.to: list[str] = []

    async def handle_RCPT(self, server: object, session: object, envelope: Any, address: str, options: object) -> str:  # noqa: N802
        if self.refused in (address, "all"):
            return "550 no such person\there"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.taken.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
            self.to += envelope.rcpt_tos
        return self.answer


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def serving(post: Post, **options: Any) -> Iterator[int]:
    server = Controller(post, hostname="127.0.0.1", port=free_port(), **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def how(port: int, **keys: object) -> Notification:
    said = {"to": ["ann@clinic.example", "bob@clinic.example"], "from": "igrtqa@clinic.example", "server": "127.0.0.1", "tls": "none"}
    return Notification.model_validate({**said, "port": port, **keys})


def test_a_mail_reaches_all_who_are_named(tmp_path: Path) -> None:
    (tmp_path / "Bericht ü.pdf").write_bytes(b"%PDF-1.7 one\r\n.\r\ntwo")
    post = Post()
    with serving(post) as port:
        letter = Letter("STOP: Linac Zürich 1", "Kürzung: 1.0 ± 0.1 mm\n.\n" + "x" * 2000, (tmp_path / "Bericht ü.pdf",))
        assert deliver(letter, how(port)) == Delivery(("ann@clinic.example", "bob@clinic.example"))
    (got,) = post.taken
    assert post.to == ["ann@clinic.example", "bob@clinic.example"]
    assert (got["Subject"], got["From"], got["To"]) == (
        "STOP: Linac Zürich 1",
        "igrtqa@clinic.example",
        "ann@clinic.example, bob@clinic.example",
    )
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Message-ID"].endswith("@clinic.example>")
    body = got.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n").rstrip("\n") == letter.text.rstrip("\n")
    (attached,) = got.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("Bericht ü.pdf", b"%PDF-1.7 one\r\n.\r\ntwo")


@pytest.mark.parametrize(
    "name", ["Linac\r\nBcc: eve@evil.example", "Linac\nTo: eve@evil.example\n\nbody", "L\x00\x1b[31m", "L\u2028Bcc: e@e.example"]
)
def test_no_name_adds_a_header_or_another_person(name: str) -> None:
    post = Post()
    with serving(post) as port:
        assert deliver(Letter(f"STOP: {name}", "text\n"), how(port)).why == ""
    (got,) = post.taken
    assert post.to == ["ann@clinic.example", "bob@clinic.example"]
    assert got["Bcc"] is None
    assert got["To"] == "ann@clinic.example, bob@clinic.example"
    assert got["Subject"].startswith("STOP: L")
    assert got["Subject"].isprintable()


def test_names_that_no_encoding_can_hold_are_told_all_the_same() -> None:
    post = Post()
    with serving(post) as port:
        assert deliver(Letter("STOP: L\udce4", "first\n\nfile \udcff\x00.dcm: 1 ± 0.1 mm\n"), how(port)).why == ""
    (got,) = post.taken
    assert got["Subject"] == "STOP: L<U+DCE4>"
    assert got.get_content().replace("\r\n", "\n").splitlines() == ["first", "", "file <U+DCFF><U+0000>.dcm: 1 ± 0.1 mm"]


def test_a_dead_server_is_said() -> None:
    port = free_port()
    assert deliver(LETTER, how(port)).told == ()
    assert deliver(LETTER, how(port)).why.endswith(f'; check port {port} and tls "none" in [notification]')
    assert "the mail server 127.0.0.1: " in deliver(LETTER, how(free_port())).why
    assert "the mail server nowhere.invalid" in deliver(LETTER, how(25, server="nowhere.invalid")).why


@pytest.mark.parametrize(
    ("post", "told", "why"),
    [
        (Post("all"), (), "ann@clinic.example was refused (550 no such person here); bob@clinic.example was refused"),
        (Post("bob@clinic.example"), ("ann@clinic.example",), "bob@clinic.example was refused (550 no such person here)"),
        (Post(data="554 looks like spam"), (), "the mail server 127.0.0.1 refused the mail (554 looks like spam)"),
    ],
)
def test_a_server_that_refuses_is_quoted(post: Post, told: tuple[str, ...], why: str) -> None:
    with serving(post) as port:
        done = deliver(LETTER, how(port))
    assert done.told == told
    assert why in done.why


@contextmanager
def slow(*answers: bytes, every: float = 0.0) -> Iterator[int]:
    """A server that says these, one after ``every`` seconds, whatever it hears, and then nothing more; it hangs up in the end."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        ended = threading.Event()

        def serve() -> None:
            there, _ = listening.accept()
            with there:
                for answer in answers:
                    there.sendall(answer)
                    if ended.wait(every):
                        return
                ended.wait(20)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize(
    ("answers", "every"),
    [((), 0.0), ((b"220 hello\r\n",), 0.0), (tuple(b"220-hello again\r\n" for _ in range(100)), 0.05)],
)
def test_a_slow_server_is_not_waited_for(answers: tuple[bytes, ...], every: float) -> None:
    """Also one that says a little before each single wait is over."""
    with slow(*answers, every=every) as port:
        began = time.monotonic()
        done = deliver(LETTER, how(port), seconds=0.4)
        assert time.monotonic() - began < 2
    assert done.told == ()
    assert "did not answer" in done.why


def test_a_server_that_took_the_mail_and_then_hangs_has_told() -> None:
    answers = (b"220 hello\r\n", b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 go\r\n", b"250 taken\r\n")
    with slow(*answers, every=0.05) as port:
        began = time.monotonic()
        assert deliver(LETTER, how(port), seconds=5) == Delivery(("ann@clinic.example", "bob@clinic.example"))
        assert time.monotonic() - began < 4


# Encryption and passwords


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that nobody vouches for but itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    paths = folder / "own.pem", folder / "own.key"
    named = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-nodes"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", *named, "-out", str(paths[0]), "-keyout", str(paths[1])]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("there is no openssl to make a certificate with")
    return paths


@contextmanager
def locked(post: Post, certificate: tuple[Path, Path]) -> Iterator[int]:
    """A server that asks for encryption, and for the user "qa" with the password "geheim-1"."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def known(server: object, session: object, envelope: object, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"qa", b"geheim-1"), handled=False)

    with serving(post, tls_context=context, require_starttls=True, authenticator=known, auth_required=True) as port:
        yield port


def test_the_password_goes_only_to_a_server_that_is_trusted(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post()
    monkeypatch.setenv(mailing.PASSWORD, "geheim-1")
    with locked(post, certificate) as port:
        asked = how(port, tls="starttls", user="qa")
        assert "; let the variable SSL_CERT_FILE name the certificates that are trusted" in deliver(LETTER, asked).why
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert deliver(LETTER, asked).why == ""
        (tmp_path / "password").write_text("geheim-1\n", "utf-8")
        monkeypatch.setenv(mailing.PASSWORD, "wrong")
        assert deliver(LETTER, asked).why == "the mail server 127.0.0.1 does not know the user qa with that password"
        assert deliver(LETTER, asked.model_copy(update={"password_file": tmp_path / "password"})).why == ""
        assert "gone" in deliver(LETTER, asked.model_copy(update={"password_file": tmp_path / "gone"})).why
        for secret in ("geh\u00e9im".encode("latin-1"), "geh\u00e9im".encode()):  # in no UTF-8; no letter that is sent
            (tmp_path / "password").write_bytes(secret)
            why = deliver(LETTER, asked.model_copy(update={"password_file": tmp_path / "password"})).why
            assert "must be in plain letters, digits and signs (ASCII)" in why
            assert not any(part in why for part in ("geh", "\u00e9", "xe9", "position"))
        monkeypatch.delenv(mailing.PASSWORD)
        assert f"there is no password for the user qa: set {mailing.PASSWORD}" in deliver(LETTER, asked).why
    assert len(post.taken) == 2


def test_a_server_without_encryption_gets_nothing_where_it_is_asked_for() -> None:
    post = Post()
    with serving(post) as port:
        assert "STARTTLS" in deliver(LETTER, how(port, tls="starttls")).why
        assert deliver(LETTER, how(port, tls="tls"), seconds=2).told == ()
    assert post.taken == []


# The table of the site file

TABLE = """
name = "A"

[[machine]]
name = "Linac 1"

[notification]
to = ["physics@clinic.example"]
from = "igrtqa@clinic.example"
server = "mail.clinic.example"
user = "qa"
password_file = "secret/password"
on = ["stop", "repeat", "overdue"]
"""


def read(folder: Path, text: str = TABLE) -> site.Site:
    (folder / "site.toml").write_text(text, "utf-8")
    return site.read(folder / "site.toml")


def test_the_table_says_who_is_told_of_what(tmp_path: Path) -> None:
    found = read(tmp_path).notification
    assert found is not None
    assert (found.to, found.sender, found.tls, found.port) == (("physics@clinic.example",), "igrtqa@clinic.example", "starttls", None)
    assert (found.on, found.password_file) == (("stop", "repeat", "overdue"), tmp_path / "secret" / "password")
    assert Notification.model_validate({"to": "a@b.example", "from": "c@b.example", "server": "m"}).on == ("stop", "overdue")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("password_file =", "password =", "notification: nobody knows the key 'password'; did you mean 'password_file'?"),
        ("from =", "form =", "nobody knows the key 'form'; did you mean 'from'?"),
        ('from = "igrtqa@clinic.example"\n', "", "notification: from is missing"),
        ('"repeat"', '"repaet"', "notification on number 2: input should be 'stop', 'repeat' or 'overdue', found 'repaet'"),
        ('["stop", "repeat", "overdue"]', "[]", "notification, on: name at least one, or leave the key out"),
        ('["physics@clinic.example"]', "[]", "notification, to: name at least one"),
        ('"physics@clinic.example"', '"physics"', "'physics' is no mail address; write it as in physics@clinic.example"),
        ('"physics@clinic.example"', '"a@b.example\\nBcc: e@e.example"', "is no mail address"),
        ('"physics@clinic.example"', '"a@b.example, c@b.example"', "is no mail address"),
        ('"mail.clinic.example"', '"mail.clinic.example:25"', "has the port in it: write server = 'mail.clinic.example' and port = 25"),
        ('"mail.clinic.example"', '"smtp://mail"', "is no server's name"),
        ('user = "qa"\n', 'user = "qa"\ntls = "none"\n', "the password of user would be sent for all to read"),
        ('user = "qa"\n', "", "password_file needs the user"),
        ('user = "qa"\n', 'user = "qa"\nport = 70000\n', "notification, port: input should be less than or equal to 65535"),
        ('user = "qa"\n', 'user = "qa"\ntls = true\n', "notification, tls: input should be 'starttls', 'tls' or 'none'"),
    ],
)
def test_what_is_wrong_with_it_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TABLE
    with pytest.raises(QaError) as told:
        read(tmp_path, TABLE.replace(old, new, 1))
    assert words in str(told.value)


# What is told


def test_agreement_of_engines_without_a_limit_is_no_go() -> None:
    """As the exit status: nothing was judged."""
    compared = drawn(np.random.default_rng(1), "a")
    compared = replace(compared, judgements=(), comparisons=(comparison(1.0, 1.0, 0.5, ("size", "mm", "other", "1", "", "close")),))
    assert mail.word([compared]) == "REPEAT"


def record(name: str, outcome: Outcome, **changes: Any) -> Record:
    one = drawn(np.random.default_rng(1), name)
    judged = replace(one.judgements[0], outcome=outcome, reason=f"{name}: 1.00 ± 0.10 mm and the tolerance of 0.5 mm")
    return replace(one, judgements=(judged,), comparisons=(), **changes)


def test_the_mail_says_what_did_not_pass_with_value_u_and_limit() -> None:
    records = [record("first", Outcome.FAIL, machine="Linac 1"), record("second", Outcome.PASS), record("third", Outcome.INDETERMINATE)]
    subject, text = mail.of_records(records, ("couch",), ["a.pdf, attached", "b.pdf", "c.pdf"])
    assert subject == f"STOP: Linac 1, LINAC-B, own, {records[0].acquired:%Y-%m-%d}"
    assert "exception FAIL ball_offset_u: first: 1.00 ± 0.10 mm and the tolerance of 0.5 mm [a]" in text
    assert "protocol: Our own (own), decided at k = 2" in text
    assert "report: a.pdf, attached\n" in text
    assert "exception INDETERMINATE ball_offset_u: third" in text
    assert "second" not in text
    assert "b.pdf" not in text
    assert "also asks for couch" in text


@pytest.mark.parametrize(
    ("outcomes", "missing", "word"),
    [
        ([Outcome.PASS, Outcome.FAIL], (), "STOP"),
        ([Outcome.PASS, Outcome.DISAGREEMENT], (), "STOP"),
        ([Outcome.PASS, Outcome.NOT_MEASURED], (), "REPEAT"),
        ([Outcome.PASS], ("couch",), "REPEAT"),
        ([Outcome.PASS], (), "GO"),
    ],
)
def test_all_records_together_have_one_word(outcomes: list[Outcome], missing: tuple[str, ...], word: str) -> None:
    records = [record(str(k), outcome) for k, outcome in enumerate(outcomes)]
    assert mail.word(records, missing) == word
    unjudged = replace(records[0], judgements=())
    assert mail.word([*records, unjudged], missing) == word  # what no limit is for is beside the others, as on the screen
    assert mail.word([unjudged]) == "REPEAT"


def one_due(state: State, last: date | None, protocol: str) -> Due:
    return Due("Linac 1", protocol, "daily", last, date(2026, 11, 26), state)


def test_overdue_is_what_is_late_or_was_never_done() -> None:
    day = date(2026, 11, 25)
    found = [
        one_due(State.OVERDUE, day, "late"),
        one_due(State.NEVER, None, "never"),
        one_due(State.UNFINISHED, None, "tried"),
        one_due(State.DUE, day, "due"),
        one_due(State.DONE, day, "done"),
        one_due(State.SERVICE, None, "service"),
        one_due(State.SKIPPED, None, "unused"),
    ]
    assert [one.protocol for one in mail.overdue(found)] == ["late", "never", "tried"]
    subject, text = mail.of_overdue(mail.overdue(found), date(2026, 11, 27))
    assert subject == "overdue: Linac 1, 2026-11-27"
    assert "Linac 1: late: overdue; daily, last done 2026-11-25, due 2026-11-26" in text


def test_a_large_report_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    post, pdf = Post(), tmp_path / "r.pdf"
    pdf.write_bytes(b"%PDF" + b"0" * 1000)
    clinic = read(tmp_path)
    with serving(post) as port:
        clinic = clinic.model_copy(update={"notification": how(port)})
        telling.of_records(clinic, [record("first", Outcome.FAIL)], (), pdf, None)
        monkeypatch.setattr(mailing, "ATTACHED_BYTES", 1000)
        telling.of_records(clinic, [record("first", Outcome.FAIL)], (), pdf, None)
    small, large = post.taken
    assert [one.get_filename() for one in small.iter_attachments()] == ["r.pdf"]
    assert list(large.iter_attachments()) == []
    assert f"report: {pdf}\n" in str(large.get_content()).replace("\r\n", "\n")


# The command line


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ball 1 mm off along u in one field."""
    folder = tmp_path_factory.mktemp("images")
    linac = Linac(name="LINAC-E", serial="4711", panel=Panel("crop", 190, 206, (0.4, 0.4)), noise_sigma=0.002)
    rtimage.write(expose(linac, BallSetup((1.0, -0.7, 0.5), 6.0), [Shot()], np.random.default_rng(1)), folder, seed=1)
    return folder


OWN = """
name = "own"
title = "Our own"
coverage_factor = 2.0
frequency = "daily"
source = "own"

[[limit]]
id = "own.offset"
procedure = "winston_lutz"
quantity = "ball_offset_u"
unit = "mm"
kind = "absolute"
tolerance = {tolerance}
techniques = ["srs"]
frequency = "daily"
source = "own"
confirmed = true
"""
CLINIC = """
name = "A"

[[machine]]
name = "Linac 1"
stations = ["LINAC-E"]

[[schedule]]
protocol = "own.toml"
machines = ["Linac 1"]
every = "daily"
"""


def clinic(folder: Path, port: int, tolerance: float, on: str = '["stop", "overdue"]') -> tuple[str, ...]:
    """The options of a command in a clinic with that server."""
    (folder / "own.toml").write_text(OWN.format(tolerance=tolerance), "utf-8")
    table = f'[notification]\nto = "physics@clinic.example"\nfrom = "q@clinic.example"\nserver = "127.0.0.1"\nport = {port}\ntls = "none"\n'
    (folder / "site.toml").write_text(f"{CLINIC}\n{table}on = {on}\n", "utf-8")
    return "--site", str(folder / "site.toml"), "--database", str(folder / "r.sqlite")


def ran(*words: object) -> tuple[int, str]:
    ended = CliRunner().invoke(app, [str(word) for word in words])
    return ended.exit_code, ended.output


def test_a_morning_with_stop_is_told_with_its_report(images: Path, tmp_path: Path) -> None:
    post = Post()
    with serving(post) as port:
        options = clinic(tmp_path, port, 0.5)
        status, words = ran("run", images, *options, "--protocol", tmp_path / "own.toml", "--pdf", tmp_path / "r.pdf")
    assert (status, "physics was told by mail: physics@clinic.example" in words) == (1, True), words
    (got,) = post.taken
    assert got["Subject"] == "STOP: Linac 1, own, 2024-01-02"
    (attached,) = got.iter_attachments()
    assert attached.get_content() == (tmp_path / "r.pdf").read_bytes()
    body = got.get_body()
    assert body is not None
    assert "is outside the tolerance of 0.5 mm [own.offset]" in body.get_content()
    assert Store(tmp_path / "r.sqlite").list()[0].record_id in body.get_content()


def test_a_stop_is_told_also_where_the_report_cannot_be_written(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    post = Post()

    def no_room(*_: object) -> Path:
        raise QaError("nothing could be written: the disk is full")

    monkeypatch.setattr("reports.pdf.write", no_room)
    with serving(post) as port:
        options = clinic(tmp_path, port, 0.5)
        status, words = ran("run", images, *options, "--protocol", tmp_path / "own.toml", "--pdf", tmp_path / "r.pdf")
    assert (status, "nothing could be written" in words) == (2, True), words
    (record,) = Store(tmp_path / "r.sqlite").list()
    (got,) = post.taken
    assert got["Subject"] == "STOP: Linac 1, own, 2024-01-02"
    assert f"report: igrtqa report {record.record_id}" in got.get_content()


def test_a_go_tells_nobody_and_a_dead_server_changes_nothing(images: Path, tmp_path: Path) -> None:
    options = clinic(tmp_path, free_port(), 5.0)
    status, words = ran("run", images, *options, "--protocol", tmp_path / "own.toml")
    assert (status, "physics" in words) == (0, False), words
    options = clinic(tmp_path, free_port(), 0.5)
    status, words = ran("run", images, *options, "--protocol", tmp_path / "own.toml")
    assert status == 1
    assert "physics was NOT told (physics@clinic.example): the mail server 127.0.0.1: " in words
    assert words.splitlines()[-1].endswith(": call them")
    options = clinic(tmp_path, free_port(), 0.5, '["overdue"]')
    assert "physics" not in ran("run", images, *options, "--protocol", tmp_path / "own.toml")[1]
    assert len(Store(tmp_path / "r.sqlite").list()) == 3


def test_due_tells_of_what_is_overdue_only_where_it_is_asked_to(images: Path, tmp_path: Path) -> None:
    post = Post()
    with serving(post) as port:
        options = clinic(tmp_path, port, 5.0)
        ran("run", images, *options, "--protocol", tmp_path / "own.toml")
        plain = ran("due", *options)
        status, words = ran("due", *options, "--notify")
    assert (status, words.replace("physics was told by mail: physics@clinic.example\n", "")) == plain
    assert plain[0] == 3
    (got,) = post.taken
    assert "Linac 1: own: overdue; daily, last done 2024-01-02" in got.get_content()
    options = clinic(tmp_path, free_port(), 5.0, '["stop"]')
    status, words = ran("due", *options, "--notify")
    assert (status, 'physics was NOT told of 1 overdue: the site file of A has no "overdue" in on of [notification]' in words) == (3, True)


def test_nothing_overdue_sends_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    telling.of_overdue(read(tmp_path), [one_due(State.DONE, date(2026, 11, 25), "done")], date(2026, 11, 26))
    assert capsys.readouterr().out == "nothing is overdue: no mail was sent\n"
    bare = SimpleNamespace(notification=None, name="A")
    telling.of_overdue(bare, [one_due(State.NEVER, None, "never")], date(2026, 11, 26))  # type: ignore[arg-type]
    assert "the site file of A has no [notification]" in capsys.readouterr().out
