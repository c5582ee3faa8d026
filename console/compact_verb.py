"""The verb `log compact`."""

from __future__ import annotations

from console.making_verbs import Parser, Verbs, add_verb


def compact(own: Verbs) -> Parser:
    """The log's file, made small."""
    verb = add_verb(
        own,
        "compact",
        "make the log's file small, and remove files beside it that the log has as well",
        "lab-console log compact",
    )
    verb.description = (
        "Packs old sessions of a large log anew, forgets how far runs were read that are gone, says how "
        "many bytes that saved. Backups and files that were set aside are removed, after a question, where the log "
        "has every session in them; others stay. Sessions are never removed."
    )
    verb.add_argument("--yes", action="store_true", help="remove those files without a question")
    return verb
