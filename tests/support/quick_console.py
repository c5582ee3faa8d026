"""`lab-console` as an operator starts it, but that a zygote forks its workers (see zygote.py).

`python -m tests.support.quick_console ORDERS [ARGUMENT ...]`; ORDERS is the path of the zygote's input.
"""

from __future__ import annotations

import runpy
import sys

from tests.support.zygote import fork_workers

if __name__ == "__main__":
    fork_workers(sys.argv.pop(1))
    runpy.run_module("console", run_name="__main__", alter_sys=True)
