#!/usr/bin/env python3
"""Frostglass beside deface 1.5.0: how fast both are on the same clip, and what both let through.

    python3 benches/compare/compare.py                                  # the bundled clip, scaled to 1080p
    python3 benches/compare/compare.py --clip a.mp4 --labels a.jsonl    # a labelled clip of your own
    python3 benches/compare/compare.py --stills DIR                     # also labelled pictures: DIR/gt.jsonl
    python3 benches/figures/figures.py comparison.json                  # then: the README's figures

What it does: installs deface into a virtual environment of its own (with the ONNX Runtime version that Frostglass
pins), scales clip and labels, and runs all programs by turns, each turn in another order, in one go on one machine.
Wall time is that of the whole program, from start to the finished file: decoding, networks, redaction, encoding. What
leaks is measured on the frames of that same output, by `frostglass-calibrate leak`. All settings are the programs'
defaults, but for `detail`.

It writes comparison.json and prints the same as Markdown. It keeps to ${XDG_CACHE_HOME:-~/.cache}/frostglass-compare
and needs ffmpeg. The labels are JSON lines, one a frame, with boxes in pixels of the unscaled clip.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "frostglass-compare"
DEFACE = "deface==1.5.0"
DETAILS = ("fast", "balanced", "thorough")


def main():
    args = arguments()
    need_ffmpeg()
    CACHE.mkdir(parents=True, exist_ok=True)
    runtime = pinned_runtime()
    programs = {"frostglass": args.frostglass, "calibrate": args.calibrate}
    if not all(programs.values()):
        programs = build()
    deface = install_deface(runtime["version"])

    contestants = {"deface 1.5.0": lambda source, out: [deface, source, "-o", out]}
    for detail in args.detail:
        config = HERE / f"{detail}.toml"
        contestants[f"frostglass {detail}"] = lambda source, out, config=config: [
            programs["frostglass"], "redact", source, "-o", out, "--force", "--config", config]

    result = {"machine": machine(), "runtime": runtime, "nasm": nasm(args), "frostglass": commit(), "deface": DEFACE}
    result["clip"] = compare_clip(args, contestants, programs["calibrate"])
    if args.stills:
        result["stills"] = compare_stills(args, contestants, programs["calibrate"])
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(as_markdown(result))
    say(f"written: {args.out}")


def arguments():
    media = ROOT / "examples" / "media"
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clip", type=Path, default=media / "solvay_pan.mp4")
    parser.add_argument("--labels", type=Path, default=media / "solvay_pan.jsonl")
    parser.add_argument("--scale", type=int, default=3, help="enlarges clip and labels (3 makes 1080p of 360p)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each program runs on the clip")
    parser.add_argument("--detail", nargs="+", choices=DETAILS, default=list(DETAILS))
    parser.add_argument("--stills", type=Path, help="folder with gt.jsonl and the pictures that it names")
    parser.add_argument("--frostglass", type=Path, help="a program that is built already (default: cargo build)")
    parser.add_argument("--calibrate", type=Path, help="the same for frostglass-calibrate")
    parser.add_argument("--out", type=Path, default=Path("comparison.json"))
    return parser.parse_args()


# ---- the clip -------------------------------------------------------------------------------------------------------

def compare_clip(args, contestants, calibrate):
    work = CACHE / "clip"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    source, labels = work / "source.mp4", work / "labels.jsonl"
    size = scale_clip(args.clip, args.scale, source)
    scale_labels(args.labels, args.scale, size, labels)
    originals = work / "original"
    frames = decode(source, originals)
    labelled = sum(1 for _ in labels.open())
    if frames != labelled:
        raise SystemExit(f"{args.clip} has {frames} frames, {args.labels} has {labelled} lines")

    runs = {name: [] for name in contestants}
    names = list(contestants)
    for turn in range(args.rounds):
        # Each turn starts with another one, so that no program always runs on a machine that another has warmed.
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            out = work / f"{slug(name)}.mp4"
            out.unlink(missing_ok=True)
            runs[name].append(timed(contestants[name](source, out), out))
            say(f"turn {turn + 1} of {args.rounds}: {name}: {runs[name][-1]['wall_s']:.1f} s")

    result = {"source": args.clip.name, "size": list(size), "frames": frames, "rounds": args.rounds, "programs": {}}
    for name in contestants:
        redacted = work / slug(name)
        out_frames = decode(work / f"{slug(name)}.mp4", redacted)
        # A frame that is not there would count as one in which nothing leaked.
        if out_frames != frames:
            raise SystemExit(f"{name}: {out_frames} frames came out, {frames} went in: they can not be compared")
        result["programs"][name] = speed(runs[name], frames) | {"leak": leak(calibrate, labels, originals, redacted)}
        shutil.rmtree(redacted)
    shutil.rmtree(originals)
    return result


def scale_clip(clip, factor, out):
    """Lanczos, nearly lossless, so that the encoder of this step is not what is measured."""
    width, height = (int(x) for x in output([
        "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0",
        clip]).strip().strip(",").split(","))
    size = (width * factor, height * factor)
    run(["ffmpeg", "-v", "error", "-y", "-i", clip, "-an", "-vf", f"scale={size[0]}:{size[1]}:flags=lanczos",
         "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-pix_fmt", "yuv420p", "-map_metadata", "-1", out])
    return size


def scale_labels(labels, factor, size, out):
    with labels.open() as lines, out.open("w") as scaled:
        for number, line in enumerate(lines):
            record = json.loads(line)
            record |= {"image": f"{number:05d}.png", "width": size[0], "height": size[1]}
            for kind in ("faces", "persons", "zones"):
                for box in record.get(kind, []):
                    for key in ("x", "y", "w", "h"):
                        box[key] *= factor
            scaled.write(json.dumps(record) + "\n")


def decode(clip, folder):
    """All frames of a clip as PNG, in order, none repeated or dropped; how many there are."""
    folder.mkdir(parents=True)
    run(["ffmpeg", "-v", "error", "-i", clip, "-vsync", "passthrough", "-start_number", "0",
         "-compression_level", "1", folder / "%05d.png"])
    return sum(1 for _ in folder.iterdir())


def speed(runs, frames):
    walls = [run["wall_s"] for run in runs]
    return {
        "wall_s": walls,
        "cpu_s": [run["cpu_s"] for run in runs],
        "ms_per_frame": 1000 * statistics.median(walls) / frames,
        "peak_mib": max(run["peak_mib"] for run in runs),
    }


# ---- stills ---------------------------------------------------------------------------------------------------------

def compare_stills(args, contestants, calibrate):
    labels = args.stills / "gt.jsonl"
    images = sorted({json.loads(line)["image"] for line in labels.open()})
    work = CACHE / "stills"
    shutil.rmtree(work, ignore_errors=True)
    source = work / "source"
    for image in images:
        (source / image).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(args.stills / image, source / image)
    folders = sorted({(source / image).parent for image in images})
    result = {"source": args.stills.name, "pictures": len(images), "programs": {}}
    for name, command in contestants.items():
        redacted, wall, cpu = work / slug(name), 0.0, 0.0
        for folder in folders:
            out = redacted / folder.relative_to(source)
            if name.startswith("deface"):
                # It takes a name for one output, so a folder of pictures is redacted beside the originals.
                copy = work / "deface-source"
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(folder, copy)
                took = timed([command(copy, out)[0], copy], None)
                out.mkdir(parents=True, exist_ok=True)
                for made in copy.glob("*_anonymized.*"):
                    made.rename(out / made.name.replace("_anonymized", ""))
            else:
                out.parent.mkdir(parents=True, exist_ok=True)
                took = timed(command(folder, out), out)
            wall, cpu = wall + took["wall_s"], cpu + took["cpu_s"]
        missing = [image for image in images if not (redacted / image).is_file()]
        if missing:
            raise SystemExit(f"{name}: no output for {missing[0]} and {len(missing) - 1} more: they can not be compared")
        say(f"stills: {name}: {wall:.1f} s")
        result["programs"][name] = {
            "wall_s": [wall], "cpu_s": [cpu], "ms_per_picture": 1000 * wall / len(images),
            "leak": leak(calibrate, labels, source, redacted)}
    return result


# ---- running and measuring ------------------------------------------------------------------------------------------

def timed(command, out):
    """Runs it; wall and CPU time and the most resident memory of the process and the children it waited for."""
    log = CACHE / "last-run.log"
    with log.open("wb") as errors:
        began = time.monotonic()
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or (out is not None and not out.exists()):
        sys.stderr.write(log.read_text(errors="replace")[-2000:])
        raise SystemExit(f"failed with exit code {process.returncode}: {' '.join(map(str, command))}")
    return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}


def leak(calibrate, labels, originals, redacted):
    text = output([calibrate, "leak", "--labels", labels, "--original", originals, "--redacted", redacted, "--json", "-"])
    report = json.loads(text)
    if report["orig_missing"] or report["suppressed_frames"]:
        raise SystemExit(f"{redacted}: pictures are missing, so that the leak would look smaller than it is")
    return report


def build():
    say("building frostglass and frostglass-calibrate")
    text = output(["cargo", "build", "--release", "-p", "frostglass", "-p", "frostglass-calibration",
                   "--message-format=json-render-diagnostics"], cwd=ROOT)
    made = {}
    for line in text.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            made[message["target"]["name"]] = Path(message["executable"])
    os.environ.setdefault("FROSTGLASS_RUNTIME_DIR", str(ROOT / "runtime" / "lib"))
    return {"frostglass": made["frostglass"], "calibrate": made["frostglass-calibrate"]}


def install_deface(runtime_version):
    """deface in an environment of its own, with the engine version that Frostglass runs on: programs are compared."""
    venv = CACHE / f"venv-ort-{runtime_version}"
    program = venv / "bin" / "deface"
    if not (venv / "complete").exists():
        say(f"installing {DEFACE} and onnxruntime=={runtime_version}")
        shutil.rmtree(venv, ignore_errors=True)
        run([sys.executable, "-m", "venv", venv])
        run([venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", DEFACE,
             f"onnxruntime=={runtime_version}"])
        (venv / "complete").touch()
    return program


# ---- what the figures depend on -------------------------------------------------------------------------------------

def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith(("model name", "Model"))), platform.processor())
    return {"cpu": model, "arch": platform.machine(), "threads": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "load_at_start": os.getloadavg()[0]}


def pinned_runtime():
    """Version from the lock file, hash of the library that this machine really has."""
    lines = [line.split() for line in (ROOT / "runtime" / "onnxruntime.lock").read_text().splitlines()]
    pin = next(line for line in lines if line and line[0].startswith(platform.machine()))
    folder = Path(os.environ.get("FROSTGLASS_RUNTIME_DIR", ROOT / "runtime" / "lib"))
    own = os.environ.get("ORT_DYLIB_PATH")
    library = Path(own) if own else folder / f"{platform.machine()}-linux-gnu" / "libonnxruntime.so"
    found = hashlib.sha256(library.read_bytes()).hexdigest() if library.is_file() else pin[5]
    return {"version": pin[1], "sha256": found, "pinned": found == pin[5]}


def nasm(args):
    if platform.machine() != "x86_64":
        return "not needed"
    if args.frostglass:
        return "unknown (built elsewhere)"
    return "at build" if shutil.which("nasm") else "none"


def commit():
    head = output(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT).strip()
    return head + ("-changed" if output(["git", "status", "--porcelain"], cwd=ROOT).strip() else "")


# ---- telling --------------------------------------------------------------------------------------------------------

def as_markdown(result):
    sys.path.insert(0, str(ROOT / "benches" / "figures"))
    import figures
    return figures.comparison(result)


def slug(name):
    return re.sub(r"[^a-z0-9]+", "-", name)


def need_ffmpeg():
    for program in ("ffmpeg", "ffprobe"):
        if not shutil.which(program):
            raise SystemExit(f"{program} is not on the PATH; on Debian: apt-get install ffmpeg")


def run(command):
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL)


def output(command, cwd=None):
    done = subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, cwd=cwd)
    return done.stdout


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
