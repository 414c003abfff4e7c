"""Mail: what fits is attached, what a server answers is understood, and no password goes over an open line."""

from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from bot.models import Backup, DeliveryState, Recipient
from bot.services.contracts.destination import Outcome, OutgoingVolume, Parked, Sent, TooLarge, Transient
from bot.services.delivery.policy import all_sent
from bot.services.mail.client import MB
from bot.services.mail.destination import MailDestination, volume_bytes
from bot.texts.backups import delivered_to, delivery_line
from tests.world.delivery import House
from tests.world.places import MAILBOX, Post, certificate, mail_destination, running_mail

OPS = Recipient(place=MAILBOX)


async def send(house: House, destination: MailDestination, backup: Backup) -> list[Sent]:
    return [
        await destination.send_volume(OPS, OutgoingVolume(volume=volume, caption="<b>a &amp; b</b>", silent=True))
        for volume in destination.cut(OPS, house.archive(backup), backup.archive_bytes)
    ]


async def outcome(house: House, destination: MailDestination) -> Outcome:
    with pytest.raises(Outcome) as caught:
        await send(house, destination, await house.back_up(1000))
    return caught.value


async def test_an_archive_in_volumes_is_one_mail_each_and_none_is_over_the_limit(house: House) -> None:
    """The volumes join into the archive; base64 and headers are counted."""
    backup, post = await house.back_up(3_500_000), Post()
    async with running_mail(post, size=2 * MB) as port:
        await send(house, mail_destination(port), backup)
    assert len(post.mails) == 3
    assert all(len(mail) <= 2 * MB for mail in post.mails)
    assert len(post.mails[0]) > 1.9 * MB
    assert post.attachments() == house.archive(backup).read_bytes()
    assert [str(mail["Subject"]).rpartition(", ")[2] for mail in post.parsed()] == [
        f"volume {n} of 3" for n in (1, 2, 3)
    ]
    assert "a & b" in post.parsed()[0].get_payload()[0].get_payload()  # type: ignore[index,union-attr,operator]
    names = [part.get_filename() for mail in post.parsed() for part in mail.walk() if part.get_filename()]
    assert names == [f"{backup.archive_name}.{n:03}" for n in (1, 2, 3)]


async def test_an_archive_that_is_too_large_is_told_and_not_called_delivered(house: House) -> None:
    """A mail says where it lies, and so does the ledger's line."""
    backup, post = await house.back_up(3_500_000), Post()
    async with running_mail(post) as port:
        (sent,) = await send(house, mail_destination(port, max_mails=2), backup)
    assert post.attachments() == b""
    assert "/srv/backups" in post.parsed()[0].get_payload()  # type: ignore[operator]
    row = (await house.catalogue.deliveries.owe(backup.id, [OPS]))[0]
    settled = await house.ledger._rows.complete(row, sent.remark)
    assert settled.state is DeliveryState.SENT
    line = delivery_line(settled, house.time())
    assert "told only" in line
    assert "delivered" not in line
    assert (settled.told_only, settled.received, all_sent([settled])) == (True, False, False)
    assert delivered_to([settled]) == "delivered to 0 of 1, 1 told only where it lies"


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ({"at_data": "552 5.3.4 Message too big"}, TooLarge, "EMAIL_MAX_MB"),
        ({"at_data": "552 Too much"}, TooLarge, "EMAIL_MAX_MB"),
        ({"at_data": "554 5.2.3 Over the limit"}, TooLarge, "EMAIL_MAX_MB"),
        ({"at_data": "451 4.3.4 Too big for now"}, TooLarge, "EMAIL_MAX_MB"),
        ({"at_data": "552 5.2.2 Over quota"}, Parked, "the mailbox is full"),
        ({"at_data": "452 4.2.2 Over quota"}, Transient, "the mailbox is full"),
        ({"at_data": "552 5.7.0 Blocked: potential security issue"}, Parked, "the content is refused"),
        ({"at_data": "451 4.7.1 Greylisted"}, Transient, "451"),
        ({"at_data": "554 5.7.1 Spam"}, Parked, "554"),
        ({"at_rcpt": "550 5.1.1 No such user"}, Parked, "EMAIL_TO"),
        ({"at_rcpt": "450 4.2.0 Later"}, Transient, "450"),
        ({"at_rcpt": "452 4.2.2 Over quota"}, Transient, "452"),
    ],
)
async def test_a_servers_answer_says_what_to_do(house: House, answers: Any, kind: type[Outcome], words: str) -> None:
    """4xx passes, 5xx waits for a person, too large waits for a setting."""
    async with running_mail(Post(**answers)) as port:
        found = await outcome(house, mail_destination(port))
    assert isinstance(found, kind)
    assert words in found.sentence


class HangsUp(Post):
    """Takes a mail, and goes before it has said so."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await super().handle_DATA(server, session, envelope)
        server.transport.abort()
        return ""


async def test_a_mail_whose_answer_was_lost_may_have_arrived(house: House) -> None:
    """The next try waits longer than after one that can't have; a refusal is none of these."""
    async with running_mail(post := HangsUp()) as port:
        found = await outcome(house, mail_destination(port))
    assert isinstance(found, Transient)
    assert found.ambiguous
    assert len(post.mails) == 1
    async with running_mail(Post(at_rcpt="451 later")) as port:
        assert not (await outcome(house, mail_destination(port))).ambiguous


async def test_a_server_that_announces_a_lower_limit_is_not_sent_to(house: House) -> None:
    """SIZE is looked at before a byte of the archive goes out."""
    async with running_mail(post := Post(), size=500) as port:
        found = await outcome(house, mail_destination(port))
    assert isinstance(found, TooLarge)
    assert "at most" in found.sentence  # by its announcement, not by its refusal
    assert post.mails == []


async def test_login_after_starttls_and_a_wrong_password(house: House, tmp_path: Path) -> None:
    """The right password delivers over TLS; the wrong one waits for a person, and is in no sentence."""
    server, client = certificate(tmp_path)
    async with running_mail(post := Post(), tls=server, auth=True) as port:
        account = {"port": port, "tls": "starttls", "user": "courier", "password": post.password}
        await send(house, mail_destination(port, server=account, tls=client), await house.back_up(1000))
        assert len(post.mails) == 1
        account["password"] = "wrong-password-here"
        found = await outcome(house, mail_destination(port, server=account, tls=client))
        assert isinstance(found, Parked)
        assert "SMTP_PASSWORD" in found.sentence
        assert "wrong-password-here" not in found.sentence


async def test_no_password_goes_over_a_line_that_is_not_encrypted_as_asked(house: House, tmp_path: Path) -> None:
    """A server without STARTTLS, or with a certificate nobody vouches for, gets no login."""
    account = {"tls": "starttls", "user": "courier", "password": "pass-word-of-mail"}
    async with running_mail(post := Post(), auth=False) as port:
        assert isinstance(await outcome(house, mail_destination(port, server=account)), Parked)
    server, _ = certificate(tmp_path)
    async with running_mail(post, tls=server, auth=True) as port:
        found = await outcome(house, mail_destination(port, server=account))
    assert isinstance(found, Parked)
    assert "certificate" in found.sentence
    assert post.logins == []


@pytest.mark.parametrize("size", [1, 1000, 99_999, 2_000_000])
async def test_a_slice_fills_a_mail_and_never_more(house: House, size: int) -> None:
    """The arithmetic of base64 holds for what is really sent."""
    assert volume_bytes(size + 16 * 1024) // 57 * 78 <= max(size, 78)
