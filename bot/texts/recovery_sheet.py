"""The recovery sheet of a key, to be printed and kept: as text and as a page."""

from __future__ import annotations

import textwrap
from datetime import date
from html import escape

# What to do, each step with the commands for it.
_STEPS = (
    (
        "Install age, version 1.0 or newer (https://age-encryption.org)",
        ("Debian, Ubuntu:  apt install age", "macOS:           brew install age",
         "Windows:         winget install FiloSottile.age"),
    ),
    (
        "Type the secret key of this sheet into a file key.txt, as one line, with nothing else in it",
        (),
    ),
    (
        "Save the backup from the chat: database_backup_….zip.age, or all of its volumes (.001, .002, …). Join volumes",
        ("Linux, macOS:    cat backup.zip.age.* > backup.zip.age",
         "Windows:         copy /b backup.zip.age.001+backup.zip.age.002 backup.zip.age"),
    ),
    (
        "Open it",
        ("age -d -i key.txt -o backup.zip backup.zip.age",),
    ),
    (
        "Unpack the ZIP with any tool; backup_info.txt in it says how the databases are put back",
        ("unzip backup.zip",),
    ),
)  # fmt: skip

_KEEP = (
    "Whoever has the secret key can read every backup that is sealed for it; without it nobody can, you included. "
    "Print this sheet twice, keep the copies in two places, and delete the files of it."
)


def as_text(public_key: str, secret_key: str, fingerprint: str, made: date) -> str:
    """Return the sheet as plain text."""
    lines = [
        "SQLite Courier: recovery sheet",
        "==============================",
        "",
        f"Made:        {made:%Y-%m-%d}",
        f"Fingerprint: {fingerprint}",
        "             Captions and status of backups that this key opens say the same.",
        "",
        "Public key (AGE_RECIPIENTS, no secret):",
        f"  {public_key}",
        "",
        "SECRET KEY:",
        f"  {secret_key}",
        "",
        *_wrapped(_KEEP),
        "",
        "How to open a backup",
        "--------------------",
    ]
    for number, (what, commands) in enumerate(_STEPS, start=1):
        lines += ["", *_wrapped(f"{number}. {what}{':' if commands else '.'}")]
        lines += [f"     {command}" for command in commands]
    lines += ["", *_wrapped("With SQLite Courier at hand: `sqlite-courier restore` and `recover` ask for the key.")]
    return "\n".join(lines) + "\n"


def as_page(public_key: str, secret_key: str, fingerprint: str, made: date) -> str:
    """Return the sheet as one HTML file that needs nothing else, made for A4 and Letter."""
    steps = "".join(
        f"<li>{escape(what)}{':' if commands else '.'}"
        + (f"<pre>{escape(chr(10).join(commands))}</pre>" if commands else "")
        + "</li>"
        for what, commands in _STEPS
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>SQLite Courier: recovery sheet {escape(fingerprint)}</title>
<style>
body {{ font: 11pt/1.45 Georgia, serif; max-width: 17cm; margin: 1cm auto; color: #000; background: #fff }}
h1 {{ font-size: 18pt; margin: 0 }} h2 {{ font-size: 13pt }}
code, pre {{ font: 10pt/1.5 "Courier New", monospace; overflow-wrap: anywhere }}
pre {{ margin: .2em 0; white-space: pre-wrap }}
.secret {{ border: 2px solid #000; padding: .6em .8em }} .secret code {{ font-size: 14pt; font-weight: bold }}
li {{ margin-bottom: .5em; break-inside: avoid }}
@page {{ margin: 1.5cm }}
</style>
</head>
<body>
<h1>Recovery sheet</h1>
<p>SQLite Courier · made {made:%Y-%m-%d} · fingerprint <code>{escape(fingerprint)}</code><br>
Captions and status of backups that this key opens show the same fingerprint.</p>
<h2>Public key (AGE_RECIPIENTS, no secret)</h2>
<p><code>{escape(public_key)}</code></p>
<h2>Secret key</h2>
<div class="secret"><code>{escape(secret_key)}</code></div>
<p>{escape(_KEEP)}</p>
<h2>How to open a backup</h2>
<ol>{steps}</ol>
<p>With SQLite Courier at hand, <code>sqlite-courier restore</code> and <code>recover</code> ask for the key.</p>
</body>
</html>
"""


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, 78, subsequent_indent="   " if sentence[:1].isdigit() else "")
