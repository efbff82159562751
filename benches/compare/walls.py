#!/usr/bin/env python3
"""What the walls cost: processor time a frame with them and with --without-sandbox, in turns.

    python3 benches/compare/walls.py [--program FILE] [--rounds N] [--clip FILE]

Builds the program for release unless --program names one. `run` plays the clip once, `redact` makes Y4M of it; each round does
both with walls and without, the order changing from round to round. Processor time is that of all processes, their start included,
as the kernel counts it. Prints median, smallest and largest of each, and ratios of medians and of the smallest, which a busy machine
spoils least; nothing fails by a number. The other
side of `redact` has the decoder as a thread of the same process, so that its ratio holds what the second process costs as well.
"""

import argparse
import json
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = '[camera]\nsource = {clip}\n[faces]\ndetail = "fast"\n[hold]\ndeadline_ms = 2000\n[emit]\njsonl = "events.jsonl"\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clip", type=Path, default=ROOT / "examples/media/solvay_pan.mp4")
    args = parser.parse_args()
    program, clip = (args.program or built()).resolve(), args.clip.resolve()
    frames = count(program, clip)
    for name, measure in (("run", run), ("redact", redact)):
        sides = {"with walls": ([], []), "without": (["--without-sandbox"], [])}
        for turn in range(args.rounds):
            for extra, measured in sorted(sides.values(), key=lambda side: len(side[0]), reverse=turn % 2 == 1):
                measured.append(measure(program, clip, extra) / frames)
        for side, (_, measured) in sides.items():
            low, middle, high = min(measured), statistics.median(measured), max(measured)
            print(f"{name} {side}: median {middle:.1f} ms of processor time a frame ({low:.1f} to {high:.1f}, {len(measured)} rounds)")
        of = [[pick(measured) for _, measured in sides.values()] for pick in (statistics.median, min)]
        medians, smallest = (ours / theirs for ours, theirs in of)
        print(f"{name}: ratio of medians {medians:.3f}, of the smallest {smallest:.3f}", flush=True)


def built():
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "frostglass"], cwd=ROOT, check=True)
    about = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version=1"], cwd=ROOT, check=True, capture_output=True)
    return Path(json.loads(about.stdout)["target_directory"]) / "release/frostglass"


def count(program, clip):
    """How many frames the clip has; and everything was read once before anything is measured."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "redact", str(clip), "-o", "out.y4m"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        return (Path(folder) / "out.y4m").read_bytes().count(b"FRAME\n")


def run(program, clip, extra):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "camera.toml").write_text(CONFIG.format(clip=json.dumps(str(clip))))
        return processor_time([program, "run", "--config", "camera.toml", *extra], folder)


def redact(program, clip, extra):
    with tempfile.TemporaryDirectory() as folder:
        return processor_time([program, "redact", str(clip), "-o", "out.y4m", *extra], folder)


def processor_time(command, folder):
    """In milliseconds, of it and all that it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    main()
