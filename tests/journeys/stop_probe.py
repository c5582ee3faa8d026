"""A tiny app behind the stop key's driver: `python -m tests.journeys.stop_probe RUN`.

It writes what its event loop does to RUN/loop.txt, one fact a line with its monotonic time. A file RUN/deaf
makes it ignore SIGHUP, RUN/stay makes it go on without its terminal; RUN/f12 and RUN/k add that stop key.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from console.terminal import prepare_terminal

BLOCK_S = 5.0
BURN_S = 3.0


def main(root: Path) -> None:
    """Aim the stop line at the run's socket and show an empty app."""
    prepare_terminal()
    from textual.app import App
    from textual.events import Key
    from textual.screen import ModalScreen

    from console.stop_key_driver import StopKeyDriver, send_stops_to, set_stop_keys, set_text_entry
    from services.folders import RunFolder
    from services.live.stop_keys import StopKeys
    from services.live.stop_line import StopLine

    if (root / "deaf").exists():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop_line = StopLine()
    send_stops_to(stop_line)
    set_stop_keys(StopKeys.adding(key for key in ("f12", "k") if (root / key).exists()))
    facts = (root / "loop.txt").open("a", buffering=1)

    def note(fact: str) -> None:
        facts.write(f"{fact} {time.monotonic()}\n")

    class Probe(App[None]):
        def on_ready(self) -> None:
            note("ready")
            stop_line.aim(RunFolder(root), 1)

        def on_key(self, event: Key) -> None:
            note(event.key)
            match event.key:
                case "b":
                    time.sleep(BLOCK_S)
                    note("free")
                case "g":
                    until = time.monotonic() + BURN_S
                    while time.monotonic() < until:
                        pass
                    note("free")
                case "t" | "T":
                    set_text_entry(event.key == "t")
                    note("typing" if event.key == "t" else "typed")
                case "m":
                    self.push_screen(ModalScreen())
                    note("modal")
                case "d":
                    stop_line.disarm()
                    note("disarmed")
                case "z":
                    with self.suspend():
                        note("suspended")
                    note("resumed")
                case "q":
                    self.exit()

        def on_stop_key_driver_terminal_lost(self) -> None:
            note("lost")
            if not (root / "stay").exists():
                self.exit()

    Probe(driver_class=StopKeyDriver).run()
    note("left")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
