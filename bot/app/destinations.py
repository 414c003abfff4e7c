"""Builds the destinations outside Telegram from the settings: object stores and mailboxes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.app.telegram import Telegram
from bot.clock import Clock
from bot.config.destinations import mail_server
from bot.config.settings import Settings
from bot.errors import SettingsError
from bot.services.catalogue import Catalogue
from bot.services.contracts.destination import ArchiveDestination, NoticeChannel
from bot.services.delivery.router import Router

if TYPE_CHECKING:
    from bot.services.objects.archives import BucketArchives
    from bot.services.objects.bucket import BucketAccess


def build_routers(
    settings: Settings, catalogue: Catalogue, telegram: Telegram, *, clock: Clock
) -> tuple[Router[ArchiveDestination], Router[NoticeChannel]]:
    """Put the configured places beside Telegram: where archives go, and where notices are read.

    A process that does not talk to Telegram delivers nowhere.
    """
    if telegram.files is None:
        return Router(telegram.destination), Router(telegram.messages)
    destinations: dict[str, ArchiveDestination] = {}
    channels: dict[str, NoticeChannel] = {}
    if settings.object_stores:
        from bot.services.objects.destination import ObjectDestination  # noqa: PLC0415 - an extra

        for url in settings.object_stores:
            destinations[url] = ObjectDestination(
                open_bucket_archives(settings, url),
                catalogue,
                max_age=timedelta(days=settings.object_max_age_days),
                max_count=settings.object_max_count,
                clock=clock,
            )
    if settings.email_to and settings.smtp_url:
        from bot.services.mail.client import MB, MailClient  # noqa: PLC0415 - an extra
        from bot.services.mail.destination import MailDestination  # noqa: PLC0415
        from bot.services.mail.notices import MailNotices  # noqa: PLC0415
        from bot.texts.mail import MailWords  # noqa: PLC0415

        client = MailClient(mail_server(settings.smtp_url, settings.smtp_password), sender=settings.email_from)
        words = MailWords(
            host=settings.server,
            folder=str(settings.backup_dir) if settings.seal is None else "BACKUP_DIR",
            places=[recipient.address for recipient in settings.recipients if not recipient.is_mailbox],
        )
        max_bytes, max_mails = settings.email_max_mb * MB, settings.email_max_mails
        mail = MailDestination(client, max_bytes=max_bytes, max_mails=max_mails, words=words)
        destinations |= {f"mail:{address}": mail for address in settings.email_to}
        channels |= {f"mail:{address}": MailNotices(client, words) for address in settings.email_to}
    return Router(telegram.destination, destinations), Router(telegram.messages, channels)


def open_bucket_archives(settings: Settings, url: str) -> BucketArchives:
    """Open one object store; nothing is asked of it yet."""
    from bot.services.objects.archives import BucketArchives  # noqa: PLC0415
    from bot.services.objects.bucket import Bucket  # noqa: PLC0415 - an extra

    return BucketArchives(Bucket(url, access(settings, url)))


def choose_store(settings: Settings, asked: str) -> str:
    """Return the store that a person means: a URL, or the beginning of one of OBJECT_STORES. Raises `SettingsError`."""
    found = [url for url in settings.object_stores if url.startswith(asked)]
    if len(found) == 1 or asked in found:
        return asked if asked in found else found[0]
    if "://" in asked and not asked.endswith("://"):
        return asked.rstrip("/")
    known = ", ".join(settings.object_stores) or "none is set"
    raise SettingsError((f"{asked!r} is no object store, or not one alone (OBJECT_STORES: {known}).",))


def access(settings: Settings, url: str) -> BucketAccess:
    """Return how a store is reached. What is not set, the machine's own environment or role provides."""
    from bot.services.objects.bucket import BucketAccess  # noqa: PLC0415 - an extra

    config: dict[str, str] = {}
    if url.startswith("s3://"):
        config["region"] = settings.s3_region or ("us-east-1" if settings.s3_endpoint else "")
        config["endpoint"] = settings.s3_endpoint
        config["access_key_id"] = settings.s3_access_key_id
        config["secret_access_key"] = settings.s3_secret_access_key.get_secret_value()
    elif url.startswith("gs://") and settings.gcs_service_account_file is not None:
        config["service_account"] = str(settings.gcs_service_account_file)
    elif url.startswith("az://"):
        config["account_name"] = settings.azure_storage_account
        config["account_key"] = settings.azure_storage_key.get_secret_value()
    return BucketAccess(
        config={key: value for key, value in config.items() if value},
        allow_http=settings.s3_endpoint.startswith("http://"),
    )
