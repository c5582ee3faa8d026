"""A pixel font, five pixels high, drawn with half blocks (or `"`, `_`, `#` in ASCII)."""

from __future__ import annotations

from functools import lru_cache

_FONT = """
A ### #.# ### #.# #.#
B ##. #.# ##. #.# ##.
C ### #.. #.. #.. ###
D ##. #.# #.# #.# ##.
E ### #.. ##. #.. ###
F ### #.. ##. #.. #..
G #### #... #.## #..# ####
H #.# #.# ### #.# #.#
I # # # # #
J ..# ..# ..# #.# ###
K #..# #.#. ##.. #.#. #..#
L #.. #.. #.. #.. ###
M #...# ##.## #.#.# #...# #...#
N #..# ##.# #.## #..# #..#
O ### #.# #.# #.# ###
P ### #.# ### #.. #..
Q ###. #.#. #.#. #.#. ####
R ### #.# ##. #.# #.#
S ### #.. ### ..# ###
T ### .#. .#. .#. .#.
U #.# #.# #.# #.# ###
V #.# #.# #.# #.# .#.
W #...# #...# #.#.# ##.## #...#
X #.# #.# .#. #.# #.#
Y #.# #.# ### .#. .#.
Z ### ..# .#. #.. ###
0 ### #.# #.# #.# ###
1 .# ## .# .# .#
2 ### ..# ### #.. ###
3 ### ..# ### ..# ###
4 #.# #.# ### ..# ..#
5 ### #.. ### ..# ###
6 ### #.. ### #.# ###
7 ### ..# ..# ..# ..#
8 ### #.# ### #.# ###
9 ### #.# ### ..# ###
. . . . . #
: . # . # .
/ ..# ..# .#. #.. #..
- .. .. ## .. ..
% #.# ..# .#. #.. #.#
"""
_GLYPHS = {line[0]: tuple(line[2:].split()) for line in _FONT.strip().splitlines()}
_GLYPHS[" "] = ("..",) * 5
HEIGHT = 5
UNKNOWN = ("###",) * HEIGHT


def _pixels(text: str, scale: int) -> list[str]:
    """Rows of `#` and `.`, `scale` pixels per dot."""
    shapes = [_GLYPHS.get(c, UNKNOWN) for c in text.upper()]
    rows = [".".join(shape[y] for shape in shapes) for y in range(HEIGHT)]
    return ["".join(dot * scale for dot in row) for row in rows for _ in range(scale)]


@lru_cache(maxsize=256)
def big(text: str, scale: int = 1, unicode: bool = True) -> tuple[str, ...]:
    """`text` as lines of equal width: 3 lines at scale 1, 5 at scale 2, 8 at scale 3."""
    rows = _pixels(text, scale)
    if len(rows) % 2:
        rows.append("." * len(rows[0]))
    signs = " ▀▄█" if unicode else ' "_#'
    lines = []
    for top, bottom in zip(rows[::2], rows[1::2], strict=True):
        lines.append("".join(signs[(t == "#") + 2 * (b == "#")] for t, b in zip(top, bottom, strict=True)))
    return tuple(lines)


def width(text: str, scale: int = 1) -> int:
    """Width of `big(text, scale)` in cells."""
    return len(_pixels(text, 1)[0]) * scale if text else 0


def height(scale: int) -> int:
    """Height of `big` at this scale in lines."""
    return (HEIGHT * scale + 1) // 2
