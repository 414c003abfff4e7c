"""Steps that record what of an archive can be taken over into the next one."""

# When an equal copy was checked whose check counts for this one, and by which setting its bytes were deflated.
TAKEN_OVER = ("ALTER TABLE backed_up ADD COLUMN checked_at TEXT", "ALTER TABLE backed_up ADD COLUMN compression TEXT")

# The deflated bytes of each database as they were proven, so that they, or blocks of them, can be taken over.
DEFLATED_BYTES = (
    """
    CREATE TABLE deflated (
        path            TEXT PRIMARY KEY,
        sha256          TEXT NOT NULL,     -- of the database
        crc32           INTEGER NOT NULL,  -- of the database
        deflated_sha256 TEXT NOT NULL,     -- of its deflated bytes, which were inflated and compared with it
        block_bytes     INTEGER NOT NULL,
        blocks          BLOB NOT NULL      -- of each, 4 bytes: CRC-32, CRC-32 of its end, length of its deflated bytes
    )
    """,
)

# They are known again by a CRC-32, not a SHA-256 any more. What was known is found anew by the next backup.
DEFLATED_CRC32 = (
    "DROP TABLE deflated",
    """
    CREATE TABLE deflated (
        path           TEXT PRIMARY KEY,
        sha256         TEXT NOT NULL,     -- of the database
        crc32          INTEGER NOT NULL,  -- of the database
        deflated_crc32 INTEGER NOT NULL,  -- of its deflated bytes, which were inflated and compared with it
        block_bytes    INTEGER NOT NULL,
        blocks         BLOB NOT NULL      -- of each, 4 bytes: CRC-32, CRC-32 of its end, length of its deflated bytes
    )
    """,
)
