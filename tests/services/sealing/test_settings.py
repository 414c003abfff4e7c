"""The settings of sealing: what is refused, in which words, and that nothing secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config.settings import Settings, load_settings
from bot.errors import SettingsError
from bot.journal.redaction import redact
from bot.services.sealing.age import new_identity
from bot.services.sealing.keys import BY_PASSPHRASE, fingerprint
from tests.world.databases import write_env
from tests.world.stock_age import PASSPHRASE, identity_file

SECRET, PUBLIC = new_identity()


def load(folder: Path, **values: str) -> Settings:
    return load_settings(write_env(folder, [folder / "a.db"], **values), need_telegram=False)


def faults(folder: Path, **values: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(folder, **values)
    return "\n".join(caught.value.faults)


def shown(settings: Settings, name: str) -> str:
    return next(value for variable, value, _ in settings.effective() if variable == name)


def test_sealing_is_off_by_default(tmp_path: Path) -> None:
    """Nothing changes for who sets nothing."""
    settings = load(tmp_path)
    assert settings.seal is None
    assert not settings.keys


@pytest.mark.parametrize("between", [",", ", ", " ", ";", "\n"])
def test_several_public_keys_are_read_and_shown_with_their_fingerprints(tmp_path: Path, between: str) -> None:
    """However people separate them."""
    other = new_identity()[1]
    settings = load(tmp_path, AGE_RECIPIENTS=f'"{PUBLIC}{between}{other}{between}{PUBLIC}"')
    assert settings.age_recipients == (PUBLIC, other)
    assert settings.seal.label == f"{fingerprint(PUBLIC)}, {fingerprint(other)}"
    assert fingerprint(other) in shown(settings, "AGE_RECIPIENTS")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (PUBLIC[:-1] + ("q" if PUBLIC[-1] != "q" else "p"), "a sign of it is wrong or missing"),
        (PUBLIC[:-3], "a sign of it is wrong or missing"),
        ("bob@example.org", "write public keys, which begin with age1"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH me@here", "holds an SSH key"),
        (SECRET, "holds a SECRET key"),
        (SECRET.lower(), "holds a SECRET key"),
    ],
    ids=["slip", "cut", "address", "ssh", "secret", "secret in lower case"],
)
def test_what_is_no_public_key_is_refused(tmp_path: Path, value: str, said: str) -> None:
    """With what to write instead, and never with a secret in the sentence."""
    told = faults(tmp_path, AGE_RECIPIENTS=value)
    assert said in told
    assert told.startswith("AGE_RECIPIENTS holds")
    assert SECRET not in told.upper()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("short", "has 5 characters"),
        ("fifteen chars!!", "has 15 characters"),
        ("correct horse battery staple", "a sample that everybody knows"),
        ("Correct-Horse-Battery-Staple!", "a sample that everybody knows"),
        ("five or more random words", "a sample that everybody knows"),
        ("passwordpasswordpassword", "guessed first"),
        ("P@ssw0rd-Welcome-2026", "guessed first"),
        ("qwertyuiopasdfghjklzxcvbnm", "guessed first"),
        ("12345678901234567890", "guessed first"),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", "guessed first"),
        ("abcabcabcabcabcabcabcabc", "guessed first"),
        ("my backup password 2026", "guessed first"),
        ("telegram bot database backup", "guessed first"),
        pytest.param(PUBLIC, "is a key, not a passphrase", id="public key"),
    ],
)
def test_weak_and_sample_passphrases_are_refused(tmp_path: Path, value: str, said: str) -> None:
    """What is guessed first protects nothing, and the passphrase is in no sentence."""
    told = faults(tmp_path, AGE_PASSPHRASE=value)
    assert said in told
    assert value not in told


@pytest.mark.parametrize(
    "value",
    [PASSPHRASE, "k7#Qp2!xV9$mLw4&", "шёпот лампа гранит окно", "zufällig Kürbis Zange Moor", "3f9a1c77e0b25d48"],
)
def test_a_passphrase_worth_the_name_passes_and_is_shown_nowhere(tmp_path: Path, value: str) -> None:
    """Random words in any language, or random signs."""
    settings = load(tmp_path, AGE_PASSPHRASE=f"'{value}'")
    assert (settings.seal.passphrase, settings.seal.label) == (value, BY_PASSPHRASE)
    assert settings.keys.passphrases == (value,)
    assert shown(settings, "AGE_PASSPHRASE") == "…"
    assert value not in repr(settings)
    assert value not in redact(f"it is {value}!")


def test_a_passphrase_comes_from_a_file(tmp_path: Path) -> None:
    """As Docker and systemd hand secrets over."""
    (tmp_path / "secret").write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    settings = load(tmp_path, AGE_PASSPHRASE_FILE=str(tmp_path / "secret"))
    assert settings.age_passphrase.get_secret_value() == PASSPHRASE


def test_keys_and_a_passphrase_together_are_refused(tmp_path: Path) -> None:
    """age can't mix them, and one of them would be ignored."""
    told = faults(tmp_path, AGE_PASSPHRASE=PASSPHRASE, AGE_RECIPIENTS=PUBLIC)
    assert "AGE_PASSPHRASE and AGE_RECIPIENTS are both set" in told


def test_an_identity_file_is_read_and_its_path_alone_is_shown(tmp_path: Path) -> None:
    """The key opens archives here; `config` and a repr never show it, and others may not read it."""
    path = identity_file(tmp_path, SECRET)
    settings = load(tmp_path, AGE_IDENTITY_FILE=str(path))
    assert settings.keys.identities == (SECRET,)
    assert shown(settings, "AGE_IDENTITY_FILE") == str(path)
    assert SECRET not in repr(settings)
    assert not [sentence for sentence in settings.warnings if "AGE_IDENTITY_FILE" in sentence]
    path.chmod(0o644)
    assert [sentence for sentence in settings.warnings if "chmod 600" in sentence]


def test_an_identity_that_opens_nothing_sealed_here_is_pointed_out(tmp_path: Path) -> None:
    """It can be right, for old archives, and is more often the wrong file."""
    path = str(identity_file(tmp_path, SECRET))
    fitting = load(tmp_path, AGE_IDENTITY_FILE=path, AGE_RECIPIENTS=f"{new_identity()[1]},{PUBLIC}")
    assert not [sentence for sentence in fitting.warnings if "AGE_IDENTITY_FILE" in sentence]
    odd = load(tmp_path, AGE_IDENTITY_FILE=path, AGE_RECIPIENTS=new_identity()[1])
    assert [sentence for sentence in odd.warnings if "the key of none of the AGE_RECIPIENTS" in sentence]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        pytest.param(f"# public key\n{PUBLIC}\n", "holds no secret key (it holds a public key)", id="public key"),
        ("nothing", "holds no secret key"),
        ("age-encryption.org/v1\n-> scrypt", "is itself sealed by a passphrase"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "holds an SSH key"),
        ("AGE-SECRET-KEY-1SHORT", "holds no secret key"),
    ],
)
def test_what_is_no_identity_file_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    """Said at the start, not on the day of the restore."""
    if content is not None:
        (tmp_path / "key").write_text(content, encoding="utf-8")
    assert said in faults(tmp_path, AGE_IDENTITY_FILE=str(tmp_path / "key"))


def test_an_identity_with_a_slip_of_the_pen_is_refused(tmp_path: Path) -> None:
    """A key of the right length may still be none."""
    wrong = SECRET[:-1] + ("Q" if SECRET[-1] != "Q" else "P")
    told = faults(tmp_path, AGE_IDENTITY_FILE=str(identity_file(tmp_path, wrong)))
    assert "a sign of it is wrong or missing" in told
    assert wrong not in told


def test_a_pasted_secret_key_is_redacted() -> None:
    """Wherever it was pasted, no log holds it."""
    assert SECRET not in redact(f"said: {SECRET}.")
    assert SECRET.lower() not in redact(f"said: {SECRET.lower()}.")
