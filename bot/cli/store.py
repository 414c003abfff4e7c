"""Opens an object store for the `restore` and `recover` commands."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.app.destinations import choose_store, open_bucket_archives
from bot.cli import output
from bot.config.settings import Settings
from bot.errors import SettingsError, TelegramError, how_to_install

if TYPE_CHECKING:
    from datetime import datetime

    from bot.services.objects.archives import BucketArchives
    from bot.services.recovery.recover import Found


def open_store_of(settings: Settings, asked: str) -> BucketArchives:
    """Open the store that a person named: a URL, or the beginning of one of OBJECT_STORES. Raises `SettingsError`."""
    try:
        import obstore  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise SettingsError(("--from-store needs the package obstore.",), hint=how_to_install("objects")) from None
    return open_bucket_archives(settings, choose_store(settings, asked))


async def find_in_store(holdings: BucketArchives) -> Found:
    """Read what the store holds. Raises `NotFoundError`, `CatalogueError`, `TelegramError` when it can't be asked."""
    from bot.services.contracts.destination import Outcome  # noqa: PLC0415
    from bot.services.recovery.recover import Found  # noqa: PLC0415

    try:
        index = await holdings.index()
        with suppress(Outcome):  # a key that may not list can restore all the same
            index = await holdings.survey()
    except Outcome as outcome:
        raise TelegramError(f"{holdings.bucket.url}: {outcome.sentence}.", hint="Check the settings of S3_….") from None
    for held in index.faulty:
        output.warn(f"{held.archive} is {held.fault}: it is passed over.")
    return Found(points=index.points, settings={})


async def origin_in_store(
    restorer: Any, settings: Settings, asked: str, stack: AsyncExitStack, *, only: Sequence[str], at: datetime | None
) -> Any:
    """Fetch the newest archive (not after `at`) from the store into a private folder that lasts as long as `stack`."""
    from bot.services.fetch.fetch import fetch_archive  # noqa: PLC0415
    from bot.services.files.private_folder import private_folder  # noqa: PLC0415
    from bot.services.recovery.recover import choose_point  # noqa: PLC0415
    from bot.services.restore.sources import RestoreSource  # noqa: PLC0415

    holdings = open_store_of(settings, asked)
    found = await find_in_store(holdings)
    point = choose_point(found, at=at, only=only, place=holdings.bucket.url, tell=output.warn)
    room: Path = await stack.enter_async_context(private_folder(restorer.house.store.work))
    with output.progress(quiet=False, label="fetching") as report:
        archive = await fetch_archive(
            holdings, point, room, progress=output.bytes_of(report), place=holdings.bucket.url
        )
    return RestoreSource(files=(archive,), backup=await restorer.house.catalogue.backup_of(point))
