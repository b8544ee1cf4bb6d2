"""How long it takes to import cxsdk, in milliseconds of a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from statistics import median

from tests.benchmarks.bench import Bench
from tests.benchmarks.figure import Run, Sides
from tests.benchmarks.processes import ROOT

#: What nobody who talks to APIs and databases gets round.
LIBRARIES = """
import requests, sqlalchemy
from pydantic import BaseModel
class Model(BaseModel):
    name: str
"""
TIMED = "from time import perf_counter as now; began = now()\n{statements}\nprint((now() - began) * 1000)"
#: How often a run imports.
TIMES = 5


def imports(statements: str) -> Sides:
    """The figure for some statements."""

    def sides(bench: Bench) -> tuple[Run, Run]:
        bench.scene("alone", nullcontext)
        _import_ms(statements), _import_ms(LIBRARIES)  # the first time compiles
        return lambda: _typical(statements), lambda: _typical(LIBRARIES)

    return sides


def _typical(statements: str) -> float:
    return median(_import_ms(statements) for _ in range(TIMES))


def _import_ms(statements: str) -> float:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    program = [sys.executable, "-c", TIMED.format(statements=statements)]
    return float(subprocess.run(program, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout)
