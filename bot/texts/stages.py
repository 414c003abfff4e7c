"""Draws work stage by stage: what is done, what is under way with its bar, what is still to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from bot.models import StageProgress
from bot.texts.markup import name
from bot.texts.measures import human_size, percent_bar


def stage_lines(
    stages: Iterable[StrEnum], labels: Mapping[StrEnum, str], progress: StageProgress | None, *, sizes: bool = False
) -> tuple[str, ...]:
    """Return a line for each stage; `labels` holds all of them in their order. With `sizes`, bytes are told too."""
    order = list(labels)
    at = -1 if progress is None else order.index(progress.stage)

    def line(stage: StrEnum) -> str:
        here = order.index(stage)
        if progress is None or here > at:
            return f"▫️ {labels[stage]}"
        if here < at:
            return f"✅ {labels[stage]}"
        detail = f" · <code>{name(progress.detail)}</code>" if progress.detail else ""
        if not progress.total:
            return f"▶️ <b>{labels[stage]}</b>{detail}"
        of = f"\n      {human_size(progress.done)} of {human_size(progress.total)}" if sizes else ""
        return f"▶️ <b>{labels[stage]}</b> {percent_bar(progress.fraction)}{of}{detail}"

    return tuple(map(line, stages))
