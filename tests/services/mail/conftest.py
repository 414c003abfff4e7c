"""A house with a running stand-in, as for the ledger."""

from tests.services.delivery.conftest import _no_warning_from_aiohttp_about_itself, house, standin  # noqa: F401 - fixtures
