"""Computes who is an admin and which chats receive, from the settings and what was chosen in the chat over them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.config.settings import Settings
from bot.models import Override, Recipient
from bot.services.catalogue import as_recipient
from bot.services.people.choices import ADMINS, PLACES, ListChoice


class Lists:
    """Both lists, as they are by the overrides that were taken over last."""

    def __init__(self, settings: Settings, overrides: Mapping[str, Override] = MappingProxyType({})) -> None:
        self._settings = settings
        self._choices = {ADMINS: ListChoice(), PLACES: ListChoice()}
        self.overrides: dict[str, Override] = {}
        """What was chosen in the chat and is in force, by the setting, with who chose last."""
        self.take_over(overrides)

    @property
    def admin_ids(self) -> tuple[int, ...]:
        """Who may use the bot."""
        return tuple(map(int, self._choices[ADMINS].of(self._base(ADMINS)))) or self._settings.admin_ids

    @property
    def admins(self) -> tuple[Recipient, ...]:
        """Their private chats."""
        return tuple(Recipient(chat_id=admin) for admin in self.admin_ids)

    @property
    def chats(self) -> tuple[Recipient, ...]:
        """The chats that receive backups."""
        return tuple(map(as_recipient, self._choices[PLACES].of(self._base(PLACES))))

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody and everything that receives backups: the chats, then the object stores, then the mailboxes."""
        return (*self.chats, *self._settings.places)

    @property
    def readers(self) -> tuple[Recipient, ...]:
        """The admins, and whoever else receives backups and can read."""
        return tuple(dict.fromkeys((*self.admins, *(one for one in self.recipients if one.reads_notices))))

    @property
    def everybody(self) -> tuple[Recipient, ...]:
        """All who receive backups, and the admins."""
        return tuple(dict.fromkeys((*self.recipients, *self.admins)))

    @property
    def invited(self) -> frozenset[Recipient]:
        """Admins who were added in the chat, and may have yet to press Start."""
        return frozenset(map(as_recipient, self._choices[ADMINS].added))

    def receives_anyway(self, admin: Recipient) -> bool:
        """Tell whether backups go to an admin's chat because it is named as a place, and not for being an admin's."""
        named = () if self._follows_admins else self._base(PLACES)
        return admin in self.chats and admin.address in (*named, *self._choices[PLACES].added)

    def choice(self, setting: str) -> ListChoice:
        """Return what was chosen in the chat over a setting."""
        return self._choices[setting]

    def take_over(self, overrides: Mapping[str, Override]) -> None:
        """Let these overrides hold; those of other settings are passed over."""
        self.overrides = {}
        for setting in (ADMINS, PLACES):
            stored = overrides.get(setting)
            self._choices[setting] = ListChoice.read(stored.value if stored else "").fitted(self._base(setting))
            if stored is not None and self._choices[setting]:
                self.overrides[setting] = stored

    def _base(self, setting: str) -> tuple[str, ...]:
        """What the settings say. Without DELIVER_TO those are the admins as they are now."""
        if setting == ADMINS:
            return tuple(Recipient(chat_id=admin).address for admin in self._settings.admin_ids)
        return tuple(chat.address for chat in (self.admins if self._follows_admins else self._settings.deliver_to))

    @property
    def _follows_admins(self) -> bool:
        """Whether DELIVER_TO names nobody, or just the admins."""
        return self._settings.deliver_to == tuple(Recipient(chat_id=admin) for admin in self._settings.admin_ids)
