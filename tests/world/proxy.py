"""An HTTP proxy that wants a user and a password, as PROXY names one."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def http_proxy(user: str, password: str) -> AsyncIterator[str]:
    """Serve CONNECT to whoever knows both; yield its address, with them in it."""
    wanted = f"Proxy-Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}".encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            request = await reader.readuntil(b"\r\n\r\n")
            host, _, port = request.split()[1].decode().rpartition(":")
            if wanted in request.split(b"\r\n"):
                there, here = await asyncio.open_connection(host, int(port))
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(_pass_on(reader, here), _pass_on(there, writer))
            else:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://{user}:{password}@127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()
    writer.close()
