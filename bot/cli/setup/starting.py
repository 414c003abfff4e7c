"""Has the service start with the machine, as `service install` does it."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
from functools import partial
from pathlib import Path

from bot.cli import output
from bot.cli.commands.service import plan, print_recipe
from bot.cli.setup.answers import Draft, SetupAnswers
from bot.cli.setup.asking import Asker
from bot.config.settings import load_settings
from bot.errors import MachineError
from bot.services.host.installation import DEFAULT_NAME
from bot.services.host.machine import find, kind_of_machine, manager_runs, recipe_for
from bot.services.host.registering import install


async def start_with_the_machine(draft: Draft, answers: SetupAnswers, ask: Asker) -> None:
    """Show what would be written, and install it where that is wanted.

    Raises what `service install` raises; what was set up before stays.
    """
    kind, courier = kind_of_machine(), called()
    if not manager_runs(kind):
        said = f"Nothing on this machine starts services ({kind} does not run here)."
        mend = f"`{courier} run` starts this one; in a container its restart policy does."
        if answers.service:
            raise MachineError(said, hint=f"{mend} Everything else is done.")
        output.tell(f"{said} {mend}")
        return
    by_hand = f"`{courier} run` starts the service; `{courier} service install` has it start with this machine."
    if answers.service is False or (answers.service is None and not ask.terminal):
        output.tell(by_hand)
        return
    settings = load_settings(draft.env_file)
    installation = plan(settings, draft.env_file, name=DEFAULT_NAME, system=None, user=draft.owner)
    recipe = recipe_for(installation)
    if find(DEFAULT_NAME) is not None:
        output.tell(f"It is installed already ({recipe.registration.file}); this writes it anew and starts it.")
    print_recipe(installation, recipe)
    if answers.service or await ask.confirm("Write this and start the service?", flag="--service", default=True):
        await asyncio.to_thread(partial(install, recipe, installation, tell=output.say))
        output.tell("✓ The service runs, and starts with this machine. /admin in the chat opens its menu.")
    else:
        output.tell(by_hand)


def called() -> str:
    """Return how this program is called from this folder: by its name where the shell finds it, else by its path."""
    name, path = DEFAULT_NAME, Path(sys.argv[0]).absolute()
    found = Path(shutil.which(name) or "")
    if path.stem != name or found.resolve().with_suffix("") == path.resolve().with_suffix(""):  # .exe is left out
        return name
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
