"""Accuracy, speed, the morning check, the store, image quality: ``make bench``; arguments go to the first. Not 0 when any misses a goal."""

import subprocess
import sys

arguments = sys.argv[1:]
only_help = [word for word in arguments if word in ("-h", "--help")]
accuracy = subprocess.run([sys.executable, "-m", "bench.accuracy", *arguments], check=False).returncode
if accuracy > 1:
    sys.exit(accuracy)  # not understood
parts = ("speed", "daily", "records", "audit", "sharpness", "catphan", "recognition", "phantom_pulls", "phantom_speed", "cause")
later = [subprocess.run([sys.executable, "-m", f"bench.{name}", *only_help], check=False).returncode for name in parts]
sys.exit(max(accuracy, *later))
