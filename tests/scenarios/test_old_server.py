"""The whole service on a Bot API server of one's own that was built years ago: nothing is lost for an ornament."""

from __future__ import annotations

from pathlib import Path

from tests.world.service import history_of, opened, town_in


async def test_an_old_server_gets_every_message(tmp_path: Path, log_lines: list[str]) -> None:
    """Archives, the pinned list, alarms and screens arrive; of each thing that it does not know the log tells once."""
    async with town_in(tmp_path, start=False) as town:
        town.api.set_version(7, 3)
        await town.start()
        backup_id = await town.back_up()
        archive = await town.ann.wait_for(lambda m: "Backup 1 · " in m.text, since=0)
        assert archive.document is not None
        await town.api.until(lambda: town.ann.newest_pinned() is not None)
        details = await history_of(town.ann, backup_id)
        assert "On the server: sqlite-courier restore database_backup_" in details.text
        assert not any(text.startswith("📋") for text in details.button_texts)
        town.users.unlink()
        await town.back_up()
        town.service.courier.alarm_loop.nudge()
        await town.ann.wait_for(lambda m: m.text.startswith("🚨") and " today" in m.text, since=0)
        assert "users.db" in (await opened(town.ann, "Database Backup", "Backup Status")).text
        assert sum("Bot API server does not know" in line for line in log_lines) == 3
        refused = [call for call in town.api.calls if call.status == 400]
        assert 3 <= len(refused) <= 6  # two messages may meet the same refusal at once
