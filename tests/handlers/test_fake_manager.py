"""The fake that the handlers talk to has the signatures of the parts that it plays."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from bot.services.catalogue.events import EventTable
from bot.services.catalogue.service import ServiceTable
from bot.services.manager import Courier
from tests.world.fake_manager import FakeManager

PARTS = [
    Courier,
    *(part for part in get_type_hints(Courier).values() if isinstance(part, type)),
    ServiceTable,
    EventTable,
]
OWN = {"report", "begin", "end"}  # by which a test lets a run go on


def signature(function: Callable[..., Any]) -> inspect.Signature:
    """How it is called; of a default that is a function, only that there is one."""
    found = inspect.signature(function)
    parameters = found.parameters.values()
    return found.replace(
        parameters=[one.replace(default=...) if inspect.isfunction(one.default) else one for one in parameters]
    )


def test_every_method_is_one_of_a_part() -> None:
    """Names, order, defaults and types: a part that changes takes the fake along, or the tests prove nothing."""
    for name, member in vars(FakeManager).items():
        if name.startswith("_") or name in OWN | {"service", "events", "settings", "log_dir"}:
            continue
        real = [getattr(part, name) for part in PARTS if hasattr(part, name)]
        if isinstance(member, property):
            assert any(isinstance(one, property) for one in real), name
        else:
            assert signature(member) in map(signature, filter(callable, real)), name
