"""The process of the stub: `python -m benchmarks.stub [CERTIFICATE KEY]`.

It listens on 127.0.0.1, prints its ports as JSON, and ends when its standard input is closed.
"""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import sys
from collections.abc import Callable, Sequence

from benchmarks.stub.connection import Connection
from benchmarks.stub.control import Control
from benchmarks.stub.services import Services
from benchmarks.world import World

_HOST = "127.0.0.1"


async def serve(certificate: Sequence[str]) -> None:
    """Serve HTTP, and HTTPS if there is a certificate, until standard input is closed."""
    services = Services(World(1))
    control = Control(services)
    loop = asyncio.get_running_loop()

    def connection() -> Connection:
        services.counters.connections += 1
        return Connection(control.respond)

    ports = {"http": await _listen(loop, connection, None)}
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        ports["https"] = await _listen(loop, connection, context)
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    gc.disable()  # a pause would count as time of a call; hardly any cycles are made
    await loop.run_in_executor(None, sys.stdin.read)


async def _listen(
    loop: asyncio.AbstractEventLoop,
    connection: Callable[[], Connection],
    context: ssl.SSLContext | None,
) -> int:
    server = await loop.create_server(connection, _HOST, 0, ssl=context)
    port: int = server.sockets[0].getsockname()[1]
    return port


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
