"""Steps of the catalogue that put codes and figures in the place of sentences in the table meta.

A sentence is taken apart where its figures, put together again, make it to the letter. Any other is kept whole, as the
fact `said` of the code `other`, and is shown as it was.
"""

from __future__ import annotations

_OPENS = "(instr(line, '“') + 1)"
_LAST = f"substr(line, {_OPENS}, length(line) - {_OPENS})"  # up to the sign that ends the line


def _up_to(mark: str) -> str:
    """What is between the first quotation mark and one of these, such as ”."""
    return f"substr(line, {_OPENS}, instr(line, '{mark}') - {_OPENS})"


def _after(mark: str) -> str:
    return f"substr(line, instr(line, '{mark}') + {len(mark)})"


def _number(text: str) -> str:
    """The number that a text begins with."""
    return f"CAST(replace({text}, ',', '') AS INTEGER)"


def _counted(number: str, noun: str) -> str:
    return f"printf('%,d {noun}', {number}) || CASE {number} WHEN 1 THEN '' ELSE 's' END"


def _loss(code: str, made: str, **facts: str) -> str:
    """The branch of a CASE for what is lost, whose facts, `made` into a line, are that line."""
    told = ", ".join(f"json_array('{name}', {value})" for name, value in facts.items())
    return f"WHEN line = {made} THEN json_object('code', '{code}', 'facts', json_array({told}))"


_FIRST, _CHANGES = _number("line"), "changes to "
_CHANGED, _CHANGED_TOO = _number(_after(_CHANGES)), _number(_after("” and changes to "))
_WITH, _OF, _MORE = "” with its ", "” of “", "”, or more"

_LOST = " ".join(
    (
        _loss("rows", f"{_counted(_FIRST, 'newer row')} || ' of “' || {_LAST} || '”'", table=_LAST, newer=_FIRST),
        _loss(
            "rows",
            f"{_counted(_FIRST, 'newer row')} || ' of “' || {_up_to('” and changes to ')} || '” and changes to '"
            f" || {_counted(_CHANGED_TOO, 'row')}",
            table=_up_to("” and changes to "),
            newer=_FIRST,
            changed=_CHANGED_TOO,
        ),
        _loss(
            "rows", f"'{_CHANGES}' || {_counted(_CHANGED, 'row')} || ' of “' || {_LAST} || '”'",
            table=_LAST, changed=_CHANGED,
        ),
        _loss(
            "more rows", f"{_counted(_FIRST, 'newer row')} || ' of “' || {_up_to(_MORE)} || '{_MORE}'",
            table=_up_to(_MORE), newer=_FIRST,
        ),
        _loss(
            "loose rows", f"{_counted(_FIRST, 'newer or changed row')} || ' of “' || {_LAST} || '”'",
            table=_LAST, rows=_FIRST,
        ),
        _loss(
            "table", f"'the table “' || {_up_to(_WITH)} || '{_WITH}' || {_counted(_number(_after(_WITH)), 'row')}",
            table=_up_to(_WITH), rows=_number(_after(_WITH)),
        ),
        _loss("table", f"'the table “' || {_up_to(_WITH)} || '{_WITH}rows'", table=_up_to(_WITH), rows="-1"),
        _loss(
            "column",
            f"'the column “' || {_up_to(_OF)} || '{_OF}' || substr({_after(_OF)}, 1, length({_after(_OF)}) - 1) || '”'",
            table=f"substr({_after(_OF)}, 1, length({_after(_OF)}) - 1)", column=_up_to(_OF),
        ),
    )
)  # fmt: skip

# What restores by hand have lost, of which nobody has heard yet; and of those that were cut off, what is known of them
# by the rest of it.
FIGURES_OF_RESTORES = (
    f"""
    UPDATE meta SET value = (
        SELECT json_group_array(json_set(news.value, '$.lost', json((
            SELECT json_group_array(json(CASE {_LOST}
                ELSE json_object('code', 'other', 'facts', json_array(json_array('said', line))) END))
            FROM (SELECT each.value AS line FROM json_each(news.value, '$.lost') AS each ORDER BY each.key)
        ))))
        FROM json_each(meta.value) AS news
    ) WHERE key = 'restored by hand' AND json_valid(value)
    """,
    "UPDATE meta SET value = json_remove(value, '$.sentence', '$.hint') WHERE key = 'untold' AND json_valid(value)",
)

_HAS = _number(f"substr(fault, {len('cut: it has ') + 1})")
_HAD = _number("substr(fault, instr(fault, ' written with ') + 14)")

# What object stores have lost: by store a list of "STORE: ARCHIVE is …." before, [[store, archive, reason], …] now.
REASONS_OF_STORES = (
    f"""
    UPDATE meta SET value = (
        SELECT json_group_array(json_array(store, archive, json(CASE
            WHEN fault = 'gone from the store, and not by us.' THEN json_array('stored gone')
            WHEN fault = printf('cut: it has %,d bytes and was written with %,d.', {_HAS}, {_HAD})
                THEN json_array('archive cut', json_array('bytes', {_HAS}), json_array('written', {_HAD}))
            ELSE json_array('other', json_array('said', rtrim(fault, '.') || '.')) END)))
        FROM (
            SELECT store, substr(told, 1, instr(told, ' is ') - 1) AS archive,
                substr(told, instr(told, ' is ') + 4) AS fault
            FROM (
                SELECT stores.key AS store, substr(line.value, length(stores.key) + 3) AS told
                FROM json_each(meta.value) AS stores, json_each(stores.value) AS line ORDER BY stores.id, line.key
            )
        )
    ) WHERE key = 'store faults' AND json_valid(value)
    """,
)


def _with_source(news: str) -> str:
    said = f"json_array(json_array('said', json_extract({news}, '$.source')))"
    return f"json_set({news}, '$.source', json_object('code', 'other', 'facts', {said}))"


# Where restores came from that nobody has heard of yet: words, which are kept whole.
SOURCES_OF_RESTORES = (
    f"UPDATE meta SET value = {_with_source('value')} WHERE key IN ('untold', 'confirmed restore')"
    " AND json_valid(value)",
    f"UPDATE meta SET value = (SELECT json_group_array({_with_source('news.value')})"
    " FROM json_each(meta.value) AS news) WHERE key = 'restored by hand' AND json_valid(value)",
)
