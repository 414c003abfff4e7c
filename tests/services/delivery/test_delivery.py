"""The first pass: a backup goes to everybody at once, each with an outcome of their own."""


from bot.models import DeliveryState
from tests.services.delivery.house import House, documents, joined


async def test_everybody_gets_the_archive_for_one_upload(house: House) -> None:
    """Ten admins have the archive, byte for byte, and its bytes went up once."""
    people = await house.people(10)
    backup = await house.back_up(1_234_567)
    house.settings["volume_bytes"] = 2_000_000
    house.ledger = house.make_ledger()
    rows = await house.delivered(backup)
    assert {row.state for row in rows.values()} == {DeliveryState.SENT}
    for person in people:
        assert documents(person) == [backup.archive_name]
        assert joined(person) == house.archive(backup).read_bytes()
    assert house.standin.uploaded_bytes == backup.archive_bytes
