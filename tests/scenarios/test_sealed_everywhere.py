"""Sealed backups in the chat, a bucket and a mailbox at once: the key opens each, nothing else does."""

from __future__ import annotations

import asyncio
import zipfile
from pathlib import Path

import pytest

from bot.app.destinations import open_bucket_archives
from bot.app.service import Service
from bot.models import BackupState, Trigger
from bot.services.objects.index import INDEX_NAME
from bot.services.recovery.document import DOCUMENT_NAME
from bot.services.sealing.age import new_identity
from bot.services.sealing.keys import fingerprint
from tests.world.databases import make_database, rows_in
from tests.world.places import BUCKET, KEYS, MAIL, STORE, Post, running_mail, s3_client
from tests.world.service import settings_for
from tests.world.shell import Shell
from tests.world.stand_in import StandIn
from tests.world.stock_age import identity_file, run_age

pytestmark = pytest.mark.filterwarnings(r"ignore:unread_data\(\) is deprecated")


async def test_all_that_leaves_is_sealed_and_names_no_folder(standin: StandIn, s3: str, tmp_path: Path) -> None:
    """Stock age opens what came to each place; nothing in the clear names a path; all comes back."""
    ann = standin.add_user(11)
    secret, public = new_identity()
    key = identity_file(tmp_path, secret)
    (home := tmp_path / "home").mkdir()
    (secret_folder := tmp_path / "a-telling-folder").mkdir()
    async with running_mail(post := Post()) as port:
        settings = settings_for(
            home, standin, make_database(secret_folder / "live.db"), AGE_RECIPIENTS=public,
            OBJECT_STORES=STORE, S3_ENDPOINT=s3, **KEYS, **MAIL, SMTP_URL=f"smtp://127.0.0.1:{port}",
        )  # fmt: skip
        async with Service.started(settings) as service:
            courier = service.courier
            backup = (await courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="Ann")).backup
            assert backup.state is BackupState.DELIVERED
            await courier.pins.refresh()
            drill = await courier.drills.drill_stored(open_bucket_archives(settings, STORE))
            assert drill.ok
    client = s3_client(s3)
    objects = {
        one["Key"]: client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
        for one in client.list_objects_v2(Bucket=BUCKET)["Contents"]
    }
    documents = {m.document.name: await m.document.read() for m in ann.messages if m.document}
    arrived = [objects[f"box/{backup.archive_name}"], post.attachments(), documents[backup.archive_name]]
    for number, content in enumerate(arrived):
        (sealed := tmp_path / f"{number}.age").write_bytes(content)
        run_age("-d", "-i", key, "-o", tmp_path / f"{number}.zip", sealed)
        zipfile.ZipFile(tmp_path / f"{number}.zip").extract("live.db", tmp_path / str(number))
        assert rows_in(tmp_path / str(number) / "live.db") == (50, 50)
    left = [*objects.values(), *documents.values(), *post.mails, *(m.text.encode() for m in ann.messages if m.document)]
    assert not [content for content in left if b"a-telling-folder" in content or b"PK\x03\x04" in content]
    assert b"live.db" in objects[f"box/{INDEX_NAME}"]
    assert fingerprint(public).encode() in objects[f"box/{INDEX_NAME}"]
    assert b"live.db" in documents[DOCUMENT_NAME]
    on_disk = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in on_disk if b"PK\x03\x04" in path.read_bytes()]

    (machine := tmp_path / "machine").mkdir()
    line = ("recover", "--from-store", STORE, "--to", "back")
    access = {"S3_ENDPOINT": s3, **KEYS}
    assert (await asyncio.to_thread(Shell(machine), *line, **access)).returncode == 19
    done = await asyncio.to_thread(Shell(machine), *line, "--write-env", "--identity", str(key), **access)
    assert done.returncode == 0, done.stderr
    assert f"DATABASES={secret_folder / 'live.db'}" in (machine / ".env").read_text()  # the key knows the paths
    assert rows_in(machine / "back" / "live.db") == (50, 50)
    line = ("restore", "--from-store", "s3", "--to", "beside", "--yes")
    done = await asyncio.to_thread(Shell(home), *line, "--identity", str(key))
    assert done.returncode == 0, done.stderr
    assert rows_in(home / "beside" / "live.db") == (50, 50)
