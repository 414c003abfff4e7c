"""Encrypts and decrypts age files as streams, compatible with the stock `age`; the only file that imports pyrage.

The one file that knows pyrage. Its `encrypt_io` and `decrypt_io` are single blocking calls that read from one object
and write to another, eight KiB at a time; what those raise comes back as another error, and nothing promises that it
comes back at all. Sealing an archive as it comes therefore takes a thread of its own that hands over at each read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self

from bot.errors import ArchiveError, CourierError, SealError, how_to_install
from bot.models import Cause
from bot.services.concurrency.threads import in_thread
from bot.services.sealing.handover import Handover
from bot.services.sealing.header import Header, changed, read_header
from bot.services.sealing.keys import BY_PASSPHRASE, Keys, Seal, fingerprint
from bot.services.sealing.passphrase import WrongPassphraseError, seal_by_passphrase, unseal_by_passphrase
from bot.services.sealing.reading import SealedSource, Sink, faults_of_seal


def new_identity() -> tuple[str, str]:
    """Make a key pair; return the secret key and the public key. Raises `SealError` where pyrage is missing."""
    identity = _pyrage().x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def public_key_of(secret_key: str) -> str:
    """Return the public half of a secret key. Raises ValueError where it is none (a slip of the pen breaks it)."""
    age = _pyrage()
    try:
        return str(age.x25519.Identity.from_str(secret_key).to_public())
    except age.IdentityError:
        raise ValueError("holds no secret key of age: a sign of it is wrong or missing.") from None


def require_public_key(text: str) -> None:
    """Raise ValueError unless the text is a public key that archives can be sealed to."""
    age = _pyrage()
    try:
        age.x25519.Recipient.from_str(text)
    except age.RecipientError:
        raise ValueError("is no public key of age: a sign of it is wrong or missing.") from None


class Sealing:
    """One archive on its way through the seal: plain pieces in, sealed pieces out; few of them are in memory.

    Sealed to keys, it adds one of its own, that lives in this object only: `key` opens what was sealed, so that it can
    be proven on a machine that has no other key. An async context manager; when it is left, its thread has ended.
    """

    def __init__(self, seal: Seal) -> None:
        """Raises `SealError` where the library is missing or a key is none."""
        self._seal = seal
        self._age = _pyrage()
        self._steps = Handover()
        if seal.passphrase:
            self.key = Keys(passphrases=(seal.passphrase,))
            self._throwaway = None
        else:
            secret, self._throwaway = new_identity()
            self.key = Keys(identities=(secret,))
        self._thread = threading.Thread(target=self._steps.run, args=(self._work,), name="seal", daemon=True)
        self._hands = ThreadPoolExecutor(1, thread_name_prefix="seal")

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.key = Keys()  # forgotten
        self._steps.stop()
        await in_thread(self._hands, self._thread.join)
        self._hands.shutdown()

    async def take(self, pieces: Sequence[bytes]) -> list[bytes]:
        """Seal the next pieces; return what is ready of the sealed archive, in order. Raises `ArchiveError`."""
        return await in_thread(self._hands, self._steps.exchange, pieces)

    async def finish(self) -> list[bytes]:
        """Return the rest."""
        return await in_thread(self._hands, self._steps.exchange, (), last=True)

    def require_sealed(self, header: Header) -> str:
        """Return for whom a file is sealed by its header; raises `ArchiveError` unless it is as this seal was asked."""
        kinds = {stanza.kind for stanza in header.stanzas if not stanza.kind.endswith("-grease")}
        wanted = ({"scrypt"}, 1) if self._seal.passphrase else ({"X25519"}, len(set(self._seal.recipients)) + 1)
        if (kinds, sum(map(header.count, kinds))) != wanted or header.armored:
            raise ArchiveError.because(Cause.UNPROVEN_KEYS)
        return self._seal.label

    def _work(self, reader: Handover, writer: Handover) -> None:
        if self._throwaway is None:
            seal_by_passphrase(reader, writer.write, self._seal.passphrase)
            return
        known = self._age.x25519.Recipient.from_str
        recipients = [known(key) for key in dict.fromkeys((*self._seal.recipients, self._throwaway))]
        self._age.encrypt_io(reader, writer, recipients)


class Opened:
    """What was read while a sealed file was opened: its header, and bytes and SHA-256 of the sealed form."""

    def __init__(self, header: Header, sha256: str, sealed_bytes: int) -> None:
        self.header, self.sha256, self.bytes = header, sha256, sealed_bytes


def open_sealed(
    files: Sequence[Path],
    keys: Keys,
    sink: Callable[[bytes], object],
    *,
    name: str = "",
    check: Callable[[], object] = bool,
    progress: Callable[[int], object] = bool,
) -> Opened:
    """Open a sealed archive (its volumes in order) and give its content to `sink`, each piece proven to be authentic.

    That the content is complete is only known when this returns: what `sink` got before an error is worth nothing.
    `check` raises to give up, `progress` gets the sealed bytes read. Blocking. Raises `SealError` where no key opens
    it, `DamagedArchiveError` where it was changed or is cut off, and what `check` and `sink` raise.
    """
    name = name or files[0].name
    source = SealedSource(files, check, progress)
    out = Sink(sink)
    with source, faults_of_seal(name, source, out):
        header = read_header(source.peeked(), name)
        _require_key(header, keys, name)
        if header.by_passphrase:
            _by_passphrase(source, header, out, keys, name)
        else:
            age = _pyrage()
            identities = [_identity(age, secret) for secret in keys.identities]
            try:
                age.decrypt_io(source, out, identities)
            except age.DecryptError as error:
                if out.error is None and source.error is None:
                    raise _refused(name, str(error)) from None
        source.to_the_end()
    return Opened(header, source.sha256, source.bytes)


def _by_passphrase(source: SealedSource, header: Header, out: Sink, keys: Keys, name: str) -> None:
    if header.armored:
        raise SealError(f"{name} is armored.", hint="Open it with age, and bring the ZIP.")
    for number, passphrase in enumerate(keys.passphrases, start=1):
        source.rewind()
        read_header(source, name)
        try:
            unseal_by_passphrase(source, header, out.write, passphrase, name)
        except WrongPassphraseError:
            if number == len(keys.passphrases):
                raise _unfit(Cause.WRONG_PASSPHRASE, name, wants="passphrase") from None
        else:
            return


def _require_key(header: Header, keys: Keys, name: str) -> None:
    fitting = keys.passphrases if header.by_passphrase else keys.identities
    if fitting:
        return
    what = BY_PASSPHRASE if header.by_passphrase else "a key"
    raise SealError(
        f"{name} is sealed by {what}, and there is none here to open it.",
        wants="passphrase" if header.by_passphrase else "key",
        hint="Give the passphrase: AGE_PASSPHRASE, or type it when asked."
        if header.by_passphrase
        else "Give the identity file: --identity FILE, or AGE_IDENTITY_FILE.",
    )


def _unfit(cause: Cause, name: str, *, wants: str) -> SealError:
    error = SealError.because(cause, archive=name)
    error.wants = wants
    return error


def _refused(name: str, reason: str) -> CourierError:
    if "no matching keys" in reason.lower():
        return _unfit(Cause.NO_KEY_FITS, name, wants="key")
    return changed(name, f"its age header was changed ({reason.rstrip('.')})")


def _identity(age: ModuleType, secret: str) -> object:
    try:
        return age.x25519.Identity.from_str(secret)
    except age.IdentityError:
        raise SealError(
            "A secret key that was given is none: a sign of it is wrong or missing.",
            wants="key",
            hint="Compare it with the recovery sheet, sign by sign.",
        ) from None


def has_key_for(path: Path, keys: Keys) -> bool:
    """Tell whether there is a key of the kind that a sealed file asks for; whether it fits, the opening tells."""
    with path.open("rb") as file:
        header = read_header(file, path.name)
    return bool(keys.passphrases if header.by_passphrase else keys.identities)


def _pyrage() -> ModuleType:
    try:
        import pyrage  # noqa: PLC0415 - an extra: no wheel of it for some machines, and only sealing needs it
    except ImportError:
        raise SealError(
            "The package that seals and opens archives is not installed.", hint=how_to_install("sealing")
        ) from None
    module: ModuleType = pyrage  # it has no types of its own
    return module


def is_installed() -> bool:
    """Tell whether archives can be sealed and opened here."""
    from importlib.util import find_spec  # noqa: PLC0415

    return all(find_spec(name) is not None for name in ("pyrage", "cryptography"))


def fingerprints_of(keys: Keys) -> tuple[str, ...]:
    """Return the fingerprints of the public halves of the secret keys."""
    return tuple(fingerprint(public_key_of(secret)) for secret in keys.identities)
