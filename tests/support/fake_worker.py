"""A worker's end of the socket, without a robot: it notes what arrives when, and answers as told."""

from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from services.live import protocol

PATIENCE_S = 5.0


class Worker:
    """A worker's socket that answers, refuses, or says nothing, as told."""

    def __init__(self, path: Path) -> None:
        self.path, self.mode, self.chatter = path, "hold", b""
        self.commands: queue.Queue[tuple[protocol.Command, float]] = queue.Queue()
        self.connections: list[socket.socket] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                if self.mode != "deaf":
                    threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection.makefile("rb") as lines:
            for line in lines:
                command = protocol.decode_command(line)
                self.commands.put((command, time.monotonic()))
                if self.chatter:
                    connection.sendall(self.chatter)
                if self.mode == "mute" and isinstance(command, protocol.Stop):
                    continue
                refusal = "the bus does not answer" if self.mode == "refuse" else ""
                connection.sendall(protocol.encode(protocol.Answer(id=command.id, ok=not refusal, error=refusal)))

    def stop(self) -> protocol.Stop:
        """The next stop that arrives."""
        while True:
            command, _ = self.commands.get(timeout=PATIENCE_S)
            if isinstance(command, protocol.Stop):
                return command

    def stop_within(self, seconds: float) -> float | None:
        """When (monotonic) the next stop arrives, or None where none does in time."""
        give_up = time.monotonic() + seconds
        with suppress(queue.Empty):
            while True:
                command, at = self.commands.get(timeout=max(give_up - time.monotonic(), 0.0))
                if isinstance(command, protocol.Stop):
                    return at
        return None

    def forget(self) -> None:
        """Drop what arrived so far."""
        with suppress(queue.Empty):
            while True:
                self.commands.get_nowait()

    def cut(self) -> None:
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.connections.clear()

    def close(self) -> None:
        self.listener.close()
        self.cut()
        with suppress(FileNotFoundError):
            self.path.unlink()
