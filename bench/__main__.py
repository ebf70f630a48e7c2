"""Accuracy, then speed: what ``make bench`` runs; the status is 1 when either misses a goal."""

import subprocess
import sys

programs = ("bench.accuracy", "bench.speed")
sys.exit(max([subprocess.run([sys.executable, "-m", name, *sys.argv[1:]], check=False).returncode for name in programs]))
