"""Wraps a prefix of an object store: hides what is particular about obstore, and classifies its errors."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from loguru import logger

from bot.journal.redaction import redact
from bot.models import OutcomeCode
from bot.services.contracts.destination import Outcome, Parked, TooLarge, Transient

PART = 5 << 20
"""Bytes of a part of a multipart upload, the least that S3 takes; larger for archives of more than `MOST_PARTS`."""

MOST_PARTS = 9_000  # S3 takes 10,000
PARTS_AT_ONCE = 3  # … in memory and under way: an upload holds 3 to 5 parts, whatever the archive's size
CONNECT = timedelta(seconds=10)
ANSWER_SECONDS = 60.0
SLOWEST = 32 * 1024  # bytes per second; a request may take as long as a part needs at this rate, and a minute
PIECE = 1 << 20

# What stands in the stores' answers, and what it means. The first that is found counts.
_STANDING = (
    ("NoSuchBucket", OutcomeCode.NO_BUCKET),
    ("ContainerNotFound", OutcomeCode.NO_CONTAINER),
    ("InvalidBucketName", OutcomeCode.NO_BUCKET_NAME),
    ("RequestTimeTooSkewed", OutcomeCode.STORE_CLOCK),
    ("SignatureDoesNotMatch", OutcomeCode.SECRET_KEY),
    ("InvalidAccessKeyId", OutcomeCode.ACCESS_KEY),
    ("AuthenticationFailed", OutcomeCode.STORE_KEY),
    ("ExpiredToken", OutcomeCode.EXPIRED),
    ("PermanentRedirect", OutcomeCode.REGION),
    ("AuthorizationHeaderMalformed", OutcomeCode.REGION),
    ("AccessDenied", OutcomeCode.NO_RIGHTS),
    ("169.254.169.254", OutcomeCode.NO_S3_KEYS),
    ("metadata.google.internal", OutcomeCode.NO_GCS_KEYS),
)
_FULL = re.compile(r"QuotaExceeded|InsufficientStorage|StorageFull|EntityQuota|507 Insufficient", re.IGNORECASE)
_TOO_LARGE = re.compile(r"EntityTooLarge|413 (Payload|Content|Request Entity) Too Large", re.IGNORECASE)
_STATUS = re.compile(r"status code: (\d{3} [A-Za-z ]+)")


class Changed(Outcome):
    """Somebody else has written the object since it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAccess:
    """How a store is reached: obstore's own configuration (it holds secrets) and whether plain http is meant."""

    config: Mapping[str, str]
    allow_http: bool = False

    def __repr__(self) -> str:
        return "BucketAccess(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFacts:
    """What a store says of an object; `sha256` is what we noted when we put it there."""

    bytes: int
    sha256: str


class Bucket:
    """One prefix of one store. Every method raises an `Outcome` when it fails, and no sentence holds a secret.

    An object is there in full or not at all: stores show an upload when its last request was answered.
    """

    def __init__(self, url: str, access: BucketAccess, *, part: int = PART) -> None:
        self.url = url.rstrip("/")
        self._access, self._part = access, part
        self._stores: dict[int, Any] = {}

    async def put(
        self, name: str, chunks: AsyncGenerator[bytes, None], *, size: int, attributes: Mapping[str, str]
    ) -> None:
        """Put an object of `size` bytes there, streamed part by part. Raises what `chunks` raises, too.

        Each request carries the SHA-256 of its part in its signature (S3), so that the store refuses altered bytes.
        """
        part = max(self._part, -(-size // MOST_PARTS))
        with _outcomes():
            await self._store(part).put_async(
                name, chunks, attributes=dict(attributes), chunk_size=part, max_concurrency=PARTS_AT_ONCE
            )

    async def facts(self, name: str) -> ObjectFacts | None:
        """Ask what is there under this name; None when nothing is."""
        with suppress(FileNotFoundError), _outcomes():
            meta = await self._store().head_async(name)
            if not meta["size"]:
                return ObjectFacts(bytes=0, sha256="")
            # HEAD answers without the attributes; of a range of one byte they come along.
            seen = await self._store().get_async(name, options={"range": (0, 1)})
            return ObjectFacts(bytes=meta["size"], sha256=seen.attributes.get("sha256", ""))
        return None

    async def read(self, name: str, most: int) -> tuple[bytes, Any] | None:
        """Return a small object and its version; None when there is none. `ValueError` when it is over `most`."""
        with suppress(FileNotFoundError), _outcomes():
            found = await self._store().get_async(name)
            if found.meta["size"] > most:
                raise ValueError(f"{name} has {found.meta['size']:,} bytes")
            version = {key: found.meta[key] for key in ("e_tag", "version") if found.meta.get(key)}
            return bytes(await found.bytes_async()), version
        return None

    async def write(self, name: str, content: bytes, version: Any) -> None:
        """Write a small object: a new one (`version` None), or in the place of the version that was read.

        Raises `Changed` when somebody else was faster. A store without such conditions is written to all the same.
        """
        from obstore.exceptions import AlreadyExistsError, NotSupportedError, PreconditionError  # noqa: PLC0415 - an extra

        with _outcomes():
            try:
                await self._store().put_async(name, content, mode=version or "create")
            except (AlreadyExistsError, PreconditionError):
                raise Changed(OutcomeCode.OBJECT_CHANGED, object=name) from None
            except Exception as error:
                unknown = isinstance(error, (NotSupportedError, NotImplementedError))
                if not unknown and "501 Not Implemented" not in str(error):
                    raise
                await self._store().put_async(name, content)

    async def delete(self, name: str) -> None:
        """Delete an object; one that is gone already is no error."""
        with suppress(FileNotFoundError), _outcomes():
            await self._store().delete_async(name)

    async def pieces(self, name: str) -> AsyncGenerator[bytes, None]:
        """Give the object's bytes from its beginning. Raises `FileNotFoundError` when it is not there."""
        with _outcomes():
            found = await self._store().get_async(name)
            async for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)

    async def sizes(self) -> dict[str, int]:
        """Return what lies under the prefix, by name, with its size."""
        found: dict[str, int] = {}
        with _outcomes():
            async for page in self._store().list():
                found.update({meta["path"]: meta["size"] for meta in page})
        return found

    async def check_access(self) -> None:
        """Return when the store answers and lets us in."""
        with _outcomes():
            async for _ in self._store().list(chunk_size=1):
                return

    def _store(self, part: int = 0) -> Any:
        """The client; its time limit for a request grows with the part."""
        part = part or self._part
        if part not in self._stores:
            try:
                from obstore import store as stores  # noqa: PLC0415 - an extra

                from_url: Any = stores.from_url  # its overloads want the keys of one kind of store

                self._stores[part] = from_url(
                    self.url,
                    config=dict(self._access.config),
                    client_options={
                        "allow_http": self._access.allow_http,
                        "connect_timeout": CONNECT,
                        "timeout": timedelta(seconds=ANSWER_SECONDS + part / SLOWEST),
                    },
                    # The ledger tries again by itself, and says why it has to.
                    retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=15)},
                )
            except Exception as error:
                raise Parked(OutcomeCode.MISCONFIGURED, said=_words(error)) from None
        return self._stores[part]


@contextmanager
def _outcomes() -> Iterator[None]:
    """Turn what obstore raises into an `Outcome`; our own exceptions and a missing object go through."""
    try:
        yield
    except (Outcome, ValueError):
        raise
    except FileNotFoundError as error:
        if "NoSuchBucket" not in str(error) and "ContainerNotFound" not in str(error):
            raise
        outcome = _read(error)
    except OSError:
        raise
    except Exception as error:
        logger.debug("object storage: {}", redact(str(error))[:2000])
        outcome = _read(error)
    else:
        return
    raise outcome


def _read(error: Exception) -> Outcome:
    answer = str(error)
    for sign, code in _STANDING:
        if sign in answer:
            return Parked(code)
    if _TOO_LARGE.search(answer):
        return TooLarge(OutcomeCode.STORE_TOO_LARGE)
    if _FULL.search(answer):
        return Transient(OutcomeCode.STORE_FULL)
    status = _STATUS.search(answer)
    if status and status[1].startswith(("401", "403")):
        return Parked(OutcomeCode.LOCKED_OUT)
    if status:
        return Transient(OutcomeCode.STORE_ANSWERS, said=status[1].strip())
    if "ConnectionRefused" in answer or "kind: Connect" in answer:
        return Transient(OutcomeCode.STORE_UNREACHABLE)
    if "TimedOut" in answer or "kind: Timeout" in answer:
        return Transient(OutcomeCode.STORE_SILENT)
    return Transient(OutcomeCode.STORE_FAULT, said=_words(error))


def _words(error: Exception) -> str:
    return redact(str(error).strip().partition("\n")[0])[:160]
