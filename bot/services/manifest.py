"""What an archive says of itself: `manifest.json` for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot import __version__
from bot.errors import DamagedArchiveError
from bot.models import (
    INFO_NAME,
    MANIFEST_FORMAT,
    MANIFEST_NAME,
    BackedUp,
    CheckReport,
    Member,
    SkippedRecord,
    Snapshot,
    Trigger,
)

MAX_MANIFEST = 16 << 20
"""Bytes of manifest.json that are read at most: a hundred thousand tables."""
