"""What was chosen in the chat over a list of the settings: what was added to it, and what was taken out of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

ADMINS = "ADMIN_IDS"
PLACES = "DELIVER_TO"
"""The settings that are changed so, and the names of their overrides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChoice:
    """A difference to a list of addresses. What the settings add or take out later counts as before."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> ListChoice:
        """Read what `str` writes; of anything else nothing."""
        words = text.split()
        return cls(
            added=tuple(word[1:] for word in words if word.startswith("+")),
            removed=tuple(word[1:] for word in words if word.startswith("-")),
        )

    def __str__(self) -> str:
        """As it is stored: `+12 -13`; a group's number keeps its own sign."""
        return " ".join((*(f"+{one}" for one in self.added), *(f"-{one}" for one in self.removed)))

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def of(self, base: tuple[str, ...]) -> tuple[str, ...]:
        """Return the list in force: what the settings say first."""
        return tuple(one for one in dict.fromkeys((*base, *self.added)) if one not in self.removed)

    def fitted(self, base: tuple[str, ...]) -> ListChoice:
        """Return it without what the settings say by themselves."""
        return ListChoice(
            added=tuple(one for one in self.added if one not in base),
            removed=tuple(one for one in self.removed if one in base),
        )

    def plus(self, one: str) -> ListChoice:
        """Return it with an address that is to be in the list."""
        return replace(self, added=tuple(dict.fromkeys((*self.added, one))), removed=_without(self.removed, one))

    def minus(self, one: str) -> ListChoice:
        """Return it with an address that is not to be in the list."""
        return replace(self, added=_without(self.added, one), removed=tuple(dict.fromkeys((*self.removed, one))))


def _without(items: tuple[str, ...], one: str) -> tuple[str, ...]:
    return tuple(item for item in items if item != one)
