"""A mail through the clinic's own server, within a time that a person waits; what kept it from being sent, in words.

Nothing here raises for a mail that cannot be sent: whoever sends it says so and goes on.
"""

from __future__ import annotations

import os
import smtplib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from qa.visible import visible

if TYPE_CHECKING:
    from qa.site_tables import Notification

SECONDS = 5.0  # for all of it: finding the server, talking to it, and its word that it has the mail
PASSWORD = "IGRTQA_SMTP_PASSWORD"  # the variable with the password of the file's user
PORTS = {"none": 25, "starttls": 587, "tls": 465}
ATTACHED_BYTES = 5_000_000  # of all attachments; servers take 10 MB and more, encoded as 4/3 of that


@dataclass(frozen=True)
class Letter:
    """What is to be told: a line, a text, and files to attach."""

    subject: str
    text: str
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """Whom the server took the mail for, and ``why`` it took it not for all of them, "" it did."""

    told: tuple[str, ...]
    why: str = ""


def deliver(letter: Letter, how: Notification, seconds: float = SECONDS) -> Delivery:
    """Sends it and waits for the server's word, so many seconds and no longer; what comes later counts as not told."""
    found: SimpleQueue[Delivery] = SimpleQueue()  # the first word in it counts

    def send() -> None:
        try:
            _send(message(letter, how), how, seconds, found.put)
        except Exception as error:  # whatever it is, a person is told that nobody was
            found.put(Delivery((), _why(error, how)))

    threading.Thread(target=send, daemon=True).start()  # a server that never answers must not keep the program from ending
    try:
        return found.get(timeout=seconds)
    except Empty:
        return Delivery((), f"the mail server {how.server} did not answer within {seconds:g} s")


def message(letter: Letter, how: Notification) -> EmailMessage:
    """The mail; what cannot be seen is spelled out, so that no name can add a header and every name can be written."""
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = visible(letter.subject), how.sender, ", ".join(how.to)
    made["Date"], made["Message-ID"] = formatdate(localtime=True), make_msgid("igrtqa", how.sender.partition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
    made.set_content("\n".join([*map(visible, letter.text.splitlines()), ""]), cte="quoted-printable")
    for file in letter.files:
        made.add_attachment(file.read_bytes(), maintype="application", subtype="pdf", filename=visible(file.name))
    return made


def small(files: tuple[Path, ...]) -> bool:
    """Whether all of them may go with one mail."""
    return sum(file.stat().st_size for file in files) <= ATTACHED_BYTES


def _send(made: EmailMessage, how: Notification, seconds: float, tell: Callable[[Delivery], None]) -> None:
    """Hands the mail to the server and tells what it said. OSError where it is not to be reached, or takes the mail for nobody."""
    port, trusted = how.port or PORTS[how.tls], ssl.create_default_context()
    plain = how.tls != "tls"
    client = (
        smtplib.SMTP(how.server, port, None, seconds) if plain else smtplib.SMTP_SSL(how.server, port, timeout=seconds, context=trusted)
    )
    try:
        if how.tls == "starttls":
            client.starttls(context=trusted)
        if how.user is not None:
            _log_in(client, how)
        refused = client.send_message(made, how.sender, list(how.to))
        tell(Delivery(tuple(one for one in how.to if one not in refused), _refused(refused)))
        client.quit()
    finally:
        client.close()


def _log_in(client: smtplib.SMTP, how: Notification) -> None:
    """OSError where the password cannot be had, or is no ASCII, which is all that smtplib sends; the words for it quote nothing of it."""
    try:
        client.login(str(how.user), _password(how))
    except UnicodeError:
        raise OSError(f"user {how.user} and the password must be in plain letters, digits and signs (ASCII), their file too") from None


def _password(how: Notification) -> str:
    """From its file, else from the variable. OSError where there is none."""
    if how.password_file is not None:
        return how.password_file.read_text("utf-8").strip("\r\n")
    if not (found := os.environ.get(PASSWORD, "")):
        raise OSError(f"there is no password for the user {how.user}: set {PASSWORD}, or name a password_file in the site file")
    return found


def _refused(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{one} was refused ({code} {_text(said)})" for one, (code, said) in refused.items())


def _why(error: Exception, how: Notification) -> str:
    """Why the mail was not sent, in words that say where to look."""
    server, port = f"the mail server {how.server}", how.port or PORTS[how.tls]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"{server}: {_refused(error.recipients)}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{server} does not know the user {how.user} with that password"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{server} refused the mail ({error.smtp_code} {_text(error.smtp_error)})"
    if isinstance(error, TimeoutError):
        return f"{server} did not answer in time"
    said = visible(str(error)) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{server}: {said}; let the variable SSL_CERT_FILE name the certificates that are trusted, its own or its issuer's"
    if isinstance(error, ConnectionError | ssl.SSLError | smtplib.SMTPServerDisconnected | smtplib.SMTPNotSupportedError):
        return f'{server}: {said}; check port {port} and tls "{how.tls}" in [notification]'
    return f"{server}: {said}" if isinstance(error, OSError) else f"the mail could not be made or sent: {said}"


def _text(said: bytes | str) -> str:
    return visible(said.decode("utf-8", "backslashreplace") if isinstance(said, bytes) else said)
