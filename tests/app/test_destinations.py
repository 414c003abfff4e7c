"""The whole service with Telegram, S3 and a mail server; restored and recovered from S3 alone."""

import asyncio
import json
from pathlib import Path

import pytest

from bot.app.destinations import open_bucket_archives
from bot.app.service import Service
from bot.models import NO_REASON, BackupState, DrillSource, Trigger
from bot.services.objects.index import INDEX_NAME
from tests.world.databases import make_database, rows_in
from tests.world.places import BUCKET, KEYS, MAIL, STORE, Post, certificate, running_mail, s3_client
from tests.world.service import settings_for
from tests.world.shell import Shell
from tests.world.stand_in import StandIn


async def test_the_service_delivers_everywhere_and_a_new_machine_recovers_from_the_store(
    standin: StandIn, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One backup reaches the chat, the bucket and the mailbox; a drill proves it; the store alone gives it back."""
    standin.add_user(11)
    server_tls, _ = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    post = Post()
    async with running_mail(post, tls=server_tls, auth=True) as port:
        (home := tmp_path / "home").mkdir()
        (home / "smtp").write_text(post.password + "\n")
        settings = settings_for(
            home, standin, make_database(home / "live.db"),
            OBJECT_STORES=STORE, S3_ENDPOINT=s3, **KEYS, **MAIL,
            SMTP_URL=f"smtp+starttls://courier@127.0.0.1:{port}", SMTP_PASSWORD_FILE=str(home / "smtp"),
        )  # fmt: skip
        async with Service.started(settings) as service:
            courier = service.courier
            result = await courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="Ann")
            assert result.backup.state is BackupState.DELIVERED, result.deliveries
            assert {d.recipient.address for d in result.deliveries} == {"11", STORE, "mail:ops@example.org"}
            drill = await courier.drills.drill_stored(open_bucket_archives(settings, STORE))
            assert drill.ok
            assert drill.source is DrillSource.OBJECTS
            health = await courier.health()
            assert [one.trouble for one in health.recipients] == [NO_REASON] * 3
            assert "a-secret-of-s3" not in "".join(path.read_text() for path in settings.log_dir.glob("*.log"))
    archive = (settings.backup_dir / result.backup.archive_name).read_bytes()
    assert post.attachments() == archive
    assert post.logins
    (mail,) = post.parsed()
    assert result.backup.archive_name in str(mail["Subject"])

    (machine := tmp_path / "machine").mkdir()
    access = {"S3_ENDPOINT": s3, **KEYS}
    listed = await asyncio.to_thread(Shell(machine), "recover", "--from-store", STORE, "--list", "--json", **access)
    assert [point["archive"] for point in json.loads(listed.stdout)] == [result.backup.archive_name], listed.stderr
    done = await asyncio.to_thread(Shell(machine), "recover", "--from-store", STORE, "--to", "back", **access)
    assert done.returncode == 0, done.stderr
    assert rows_in(machine / "back" / "live.db") == (50, 50)

    done = await asyncio.to_thread(Shell(home), "restore", "--from-store", "s3", "--to", "beside", "--yes")
    assert done.returncode == 0, done.stderr
    assert rows_in(home / "beside" / "live.db") == (50, 50)
    assert "a-secret-of-s3" not in (await asyncio.to_thread(Shell(home), "config")).stdout


def test_a_store_that_holds_nothing_of_ours_is_told(s3: str, tmp_path: Path) -> None:
    """An empty prefix, a wrong bucket and a word that is no store end in a sentence, not in a traceback."""
    for store, code, words in (
        (STORE, 3, INDEX_NAME),
        ("s3://no-such-bucket/box", 13, "no such bucket"),
        ("ftp", 2, "no object store"),
    ):
        done = Shell(tmp_path)("recover", "--from-store", store, "--to", "back", S3_ENDPOINT=s3, **KEYS)
        assert done.returncode == code, done.stderr
        assert words in done.stderr


def test_an_archive_that_was_altered_in_the_store_is_not_restored(s3: str, tmp_path: Path) -> None:
    """Bytes that are not those that were proven are refused, and nothing is put into the folder."""
    content = b"x" * 1000
    client = s3_client(s3)
    name = "database_backup_20260713_050000.zip"
    client.put_object(Bucket=BUCKET, Key=f"box/{name}", Body=content)
    entry = {
        "number": 1, "at": "2026-07-13T05:00:00Z", "archive": name, "bytes": 1000, "sha256": "0" * 64, "databases": []
    }  # fmt: skip
    index = {"format": "sqlite-courier objects", "version": 1, "archives": [entry]}
    client.put_object(Bucket=BUCKET, Key=f"box/{INDEX_NAME}", Body=json.dumps(index).encode())
    Shell(tmp_path).refused(9, "recover", "--from-store", STORE, "--to", "back", S3_ENDPOINT=s3, **KEYS)
    assert not (tmp_path / "back").exists()
