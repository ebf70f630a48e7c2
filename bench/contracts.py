"""python -m bench.contracts: what tests/test_contract.py asks of every procedure, with twice as many rehearsals as there, or more."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from qa.procedure import names

ROOT = Path(__file__).parent.parent
TESTS = ("tests/test_contract.py", "tests/test_registration_accuracy_kv.py")  # both read IGRTQA_REHEARSALS


def main(arguments: Sequence[str] | None = None) -> int:
    """What pytest says, with its exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.contracts", description="Does every procedure keep its contract?")
    parser.add_argument("--rehearsals", type=int, default=24)
    parser.add_argument("tests", nargs="*", choices=[*names(), []], help="names of procedures; all of them without")
    asked = parser.parse_args(arguments)
    # a name is the whole of what stands in a test's brackets, or their beginning
    chosen = ["-k", " or ".join(f"[{name}" for name in asked.tests)] if asked.tests else []
    command = [sys.executable, "-m", "pytest", "-q", *TESTS[: 1 if asked.tests else None], *chosen]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"IGRTQA_REHEARSALS": str(asked.rehearsals)}, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
