"""Messages that people can send and that aiogram 3.31 refuses to read; each refuses the whole answer it is in."""

from __future__ import annotations

from typing import Any

_ANYBODY = {"type": "hidden_user", "sender_user_name": "Somebody", "date": 1_790_000_000}

# By name; what a Message object holds beside the rest.
SHAPES: dict[str, dict[str, Any]] = {
    # Bot API 10.5, in force since 22 November 2026: an expandable quotation holds blocks instead of a text.
    "an expandable quotation of blocks": {
        "rich_message": {"blocks": [{"type": "expandable_blockquote", "blocks": [{"type": "paragraph", "text": "a"}]}]}
    },
    "an unknown origin": {"forward_origin": {"type": "community", "date": 1_790_000_000}},
    "a hidden user without a name": {"forward_origin": {"type": "hidden_user", "date": 1_790_000_000}},
    "an empty story": {"external_reply": {"origin": _ANYBODY, "story": {}}},
}
