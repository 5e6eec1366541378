"""How connections are kept: answers go out at once, and heads that never end do not stay open."""

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Seconds from the first byte, or the connection, to the end of a head.
HEAD_PATIENCE = 20.0


class PatientProtocol(H11Protocol):
    """Uvicorn's protocol, which sends at once and waits for a head a limited time only.

    Between requests its own limit applies, until the first byte of the next one.
    """

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        # asyncio does so only where the socket that listens was made for TCP by number. Else the
        # body of an answer waits 40 ms for the other side to acknowledge the head.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came, and wait for the rest of a head."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._stop()

    def on_response_complete(self) -> None:
        """Wait for the rest of a head that came early."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._wait()

    def _wait(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(HEAD_PATIENCE, self._give_up)

    def _stop(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
