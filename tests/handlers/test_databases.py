"""Databases: each with its backups and its restore, trouble first."""

from __future__ import annotations

from tests.world.service import Town, opened, pressed


async def test_one_database_is_restored_from_its_own_screen(town: Town) -> None:
    """Its screen tells rows and size of each backup; Restore leads to the plan for it alone."""
    await town.back_up()
    town.notes.unlink()
    await town.back_up()
    listed = await opened(town.ann, "Database Backup", "🗄 Databases")
    assert "1 of 2 backed up and checked" in listed.text
    assert [text[:1] for text in listed.button_texts[:2]] == ["🚨", "✅"]
    one = await pressed(town.ann, "notes.db", listed, "Not backed up: the file is missing")
    assert "51 rows" in one.text
    plan = await pressed(town.ann, "♻️ Restore it", one, ": the plan")
    assert "notes.db" in plan.text
    assert "users.db" not in plan.text

    press = town.ann.press_data("dbone:0123456789ab:0", listed)
    await town.ann.wait_for(lambda m: "no longer known" in m.text)
    await press.answered()


async def test_what_is_wrong_is_one_press_from_the_menu(town: Town) -> None:
    """The button names the database; there its alarm is answered, and the verdict is good again."""
    await town.back_up()
    town.notes.unlink()
    await town.back_up()
    await town.ann.wait_for(lambda m: m.text.startswith("🚨 notes.db is not backed up"), since=0)
    menu = await opened(town.ann, "Database Backup")
    one = await pressed(town.ann, "🗄 notes.db ›", menu, "Not backed up: the file is missing")
    answer = await (await town.ann.press("👍 Removed on purpose", message=one)).answered()
    assert "missed no longer" in (answer.text or "")
    await town.back_up()
    assert "🗄 notes.db ›" not in (await opened(town.ann, "Database Backup")).button_texts
