"""Lines of another version: what they say that this one does not know."""

from __future__ import annotations

from services.live import protocol
from services.live.protocol import Answer, Code


def test_an_answer_of_an_older_worker_has_no_code_and_one_of_a_newer_keeps_its_own() -> None:
    old = protocol.decode_message(b'{"type":"Answer","id":1,"ok":false,"error":"why"}')
    assert old == Answer(id=1, ok=False, error="why", code=Code.UNSPECIFIED)
    new = protocol.decode_message(b'{"type":"Answer","id":2,"ok":false,"code":"of_tomorrow"}')
    assert isinstance(new, Answer) and isinstance(new.code, Code)
    assert not new.code.known and new.code == "of_tomorrow" and new.code not in tuple(Code)
    assert b'"code":"of_tomorrow"' in protocol.encode(new)
