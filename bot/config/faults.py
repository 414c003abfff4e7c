"""Says what is wrong with settings, each fault in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from bot.config.sources import Given


def absence(env_file: Path) -> str:
    """Say that there is no such file: most often because the command was typed in another folder."""
    where = f"There is no {env_file.name} in {env_file.absolute().parent}"
    return f"{where}: go to the folder that has it, or name it with --env-file."


def missing(given: Given, variable: str, mend: str) -> list[str]:
    """Return what is wrong with a setting that has to be set: one sentence where it is not, none where it is."""
    # A setting whose file or line could not be read has its fault already.
    if variable in given.texts or variable in given.unread:
        return []
    slip = (
        f" ({given.lookalikes[variable]} is set: is it meant to be this one?)" if variable in given.lookalikes else ""
    )
    return [f"{variable} is not set{slip}: {mend}"]


def explained(error: ValidationError, variable_of: Callable[[str], str]) -> list[str]:
    """Return one sentence per fault: the variable of the attribute, then the message of its reader."""
    faults = []
    for detail in error.errors(include_url=False, include_context=True, include_input=False):
        variable = variable_of(str(detail["loc"][0]))
        reason = detail.get("ctx", {}).get("error")
        for line in str(reason if isinstance(reason, ValueError) else f"can't be used: {detail['msg']}.").split("\n"):
            faults.append(f"{variable} {line}")
    return list(dict.fromkeys(faults))
