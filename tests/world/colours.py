"""What the colours of buttons mean: blue is the one main button of a screen, red stops or destroys something."""

from __future__ import annotations

import json

from bot.demo.stand_in.calls import Call


def misused_colours(call: Call) -> list[str]:
    """What is wrong with the colours of a message that is sent or edited."""
    markup = call.params.get("reply_markup") or {}
    rows = (json.loads(markup) if isinstance(markup, str) else markup).get("inline_keyboard", [])
    coloured = [(button["style"], button["text"]) for row in rows for button in row if button.get("style")]
    main = [text for style, text in coloured if style == "primary"]
    others = [text for style, text in coloured if style not in ("primary", "danger")]
    wrong = others or (main if len(main) > 1 else [])
    return [f"{call.method}: colour is for the one main button and for danger, not for {wrong}"] if wrong else []
