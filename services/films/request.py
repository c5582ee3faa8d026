"""What a film shows, and the messages of the process that renders it: JSON, one object a line."""

from __future__ import annotations

import msgspec

from sessions.models import Verdict


class Shot(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of a dataset as a film shows it. `caption` names it, `said` follows the verdict at the end."""

    root: str
    episode: int
    caption: str
    verdict: Verdict | None = None
    said: str = ""


class FilmRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Render `scenes` one after the other into `output`; the shots of a scene run side by side.

    `titles` stand above the columns. `camera` is the main one; empty: each episode's largest picture. `height` is that
    of the main picture in pixels.
    """

    output: str
    scenes: tuple[tuple[Shot, ...], ...]
    titles: tuple[str, ...] = ()
    camera: str = ""
    traces: bool = False
    height: int = 720


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """So many scenes are rendered, and so many seconds of film."""

    scenes: int
    seconds: float


class Rendered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The film is whole and durable: its length in seconds, its picture in pixels, its codec, its size in bytes.

    `problems` are sentences on what could not be shown.
    """

    seconds: float
    width: int
    height: int
    fps: float
    codec: str
    bytes: int
    problems: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why there is no film, in a sentence."""

    text: str


Message = Progress | Rendered | Failed
encode = msgspec.json.Encoder().encode
_messages: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_requests: msgspec.json.Decoder[FilmRequest] = msgspec.json.Decoder(FilmRequest)
decode_message, decode_request = _messages.decode, _requests.decode
