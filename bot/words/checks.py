"""What kept the check of a database from its end: a phrase without a full stop, fit to follow a colon."""

from __future__ import annotations

from collections.abc import Mapping

from bot.models import OTHER, Reason, UncheckedCode
from bot.words.filling import filled

UNCHECKED: Mapping[str, str] = {
    OTHER: "{said}",
    UncheckedCode.SQLITE_SAYS: "SQLite says “{said}”",
    UncheckedCode.FORMAT: "SQLite {version} does not know its format",
    UncheckedCode.COPY_UNREAD: "this machine could not read the copy ({said})",
    UncheckedCode.MANY_FINDINGS: "{findings:,} rows and more break rules of their tables",
    UncheckedCode.LATE: "its check was stopped after {seconds} s",
    UncheckedCode.PROCESSOR: "its check was stopped after {seconds} s of processor time",
    UncheckedCode.MEMORY: "its check asks for more than {megabytes} MB of memory",
    UncheckedCode.VALUES: "its check makes values of more than {megabytes} MB",
    UncheckedCode.DISK: "its private copy could not be read back (is the disk failing?)",
    UncheckedCode.NOT_STARTED: "the process of its check could not be started ({said})",
    UncheckedCode.ENDED: "the process of its check was ended by something else (code {code}; is this machine short of"
    " memory?)",
    UncheckedCode.LONG_ANSWER: "there is more to tell of it than anybody could read",
    UncheckedCode.NO_ANSWER: "its check gave no answer ({said})",
}


def unchecked_words(why: Reason) -> str:
    """Return what kept a check from its end; empty where it came to one, or that is not known."""
    return filled(UNCHECKED[why.code], dict(why.facts)) if why else ""
