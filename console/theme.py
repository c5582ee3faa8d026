"""The console's colours by meaning; widgets and stylesheets use no others."""

from __future__ import annotations

from textual.theme import Theme

LAB_DARK = Theme(
    name="lab-dark",
    dark=True,
    primary="#56b6c2",
    secondary="#7f8ea3",
    accent="#62c3d4",
    foreground="#d5dce6",
    background="#0f1317",
    surface="#141a20",
    panel="#1a2129",
    success="#79c98a",
    warning="#e6b450",
    error="#ff6b6b",
    variables={
        "quiet": "#8593a5",
        "edge": "#3a4654",
        "lifted": "#202a34",
        "on-danger": "#1a0606",
        "on-warning": "#1c1503",
        "on-accent": "#04161a",
        "block-cursor-foreground": "#04161a",
        "block-cursor-background": "#62c3d4",
        "input-cursor-background": "#d5dce6",
        "input-selection-background": "#62c3d4 30%",
        "border": "#62c3d4",
        "border-blurred": "#3a4654",
        "scrollbar": "#3a4654",
        "scrollbar-background": "#141a20",
        "footer-background": "#0f1317",
        "footer-key-foreground": "#62c3d4",
    },
)
