#!/usr/bin/env python3
"""Makes the figures block of the README from what the benchmarks wrote.

    python3 benches/figures/figures.py comparison.json [bench.json ...]          # prints the block
    python3 benches/figures/figures.py --write comparison.json [bench.json ...]  # puts it into README.md

Files are told apart by their content: what benches/compare/compare.py wrote has "clip", and what `frostglass bench
--json` wrote has "networks". Nothing is put into the README by hand; what is not measured is not there.
"""

import argparse
import itertools
import json
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the block into README.md")
    parser.add_argument("files", nargs="+", type=Path)
    args = parser.parse_args()
    block = "\n".join(section(file) for file in args.files).strip()
    if not args.write:
        print(block)
        return
    text = README.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{README}: the markers {BEGIN} and {END} have to be there once each")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{block}\n{END}{after}")


def section(file):
    content = json.loads(file.read_text())
    if "clip" in content:
        return comparison(content)
    if "networks" in content:
        return bench(content)
    raise SystemExit(f"{file}: neither a comparison nor a bench")


def comparison(result):
    clip, machine, runtime = result["clip"], result["machine"], result["runtime"]
    parts = [
        "### Beside deface 1.5.0",
        f"One clip ({clip['source']}, scaled to {clip['size'][0]}×{clip['size'][1]}, {clip['frames']} frames), "
        f"programs by turns, {clip['rounds']} times each, in one run, whole programs from start to finished file, default settings. "
        f"{machine['cpu']}, {machine['threads']} threads; nasm: {result['nasm']}; ONNX Runtime {runtime['version']} "
        f"(`{runtime['sha256'][:12]}…`) for both; Frostglass at `{result['frostglass']}`; load of the machine before "
        f"the run {machine['load_at_start']:.1f}. Leaked: under 90 % of the labelled box was changed, as "
        "`frostglass-calibrate leak` defines it; in brackets the 95 % interval: tracks or pictures drawn by bootstrap; "
        "where none or all of the faces leaked Wilson's over them, of fewer than 30 never narrower.",
        table(speed_rows(clip), ["program", "ms a frame", "speed ÷ deface", "CPU s", "peak MiB", "leaked faces",
                                 "≥ 16 px", "leaked tracks", "over-redaction"]),
    ]
    if "stills" in result:
        stills = result["stills"]
        parts += [
            f"Labelled pictures ({stills['source']}, {stills['pictures']}), the same machine and settings:",
            table(still_rows(stills), ["program", "ms a picture", "leaked faces", "≥ 16 px", "over-redaction"]),
        ]
    return "\n\n".join(parts) + "\n"


def bench(result):
    parts = [
        f"### Networks and path at {result['frame']}",
        f"`frostglass bench` on {result['cpu']}, {result['cores']} cores, frames of {result['frame']}; ONNX Runtime "
        f"`{result['runtime_sha256'][:12]}…`. Ours is shrinking, running and decoding; bare is the engine's call on "
        "the same input; both by turns in one run.",
        table(network_rows(result["networks"]),
              ["network", "input", "threads", "ours p50 / p95 / p99 ms", "bare p50 ms", "ours ÷ bare"]),
    ]
    path = result.get("path")
    if path:
        rows = [[stage["stage"], *(f"{stage[key]:.0f}" for key in ("p50_us", "p95_us", "p99_us"))]
                for stage in path["stages"]]
        parts += [
            f"The path from capture to the hatch, four faces, without networks and codecs: {path['sum_p50_us']:.0f} µs, "
            f"{path['sum_over_memcpy']:.1f} times a copy of the frame.",
            table(rows, ["stage", "p50 µs", "p95 µs", "p99 µs"]),
        ]
        if "busy_track_over_rest" in path:
            parts.append(
                f"Tracks cost {path['track_over_rest']:.2f} of what the other stages cost; with 24 faces, eight of them lost in "
                f"each frame, and 12 persons {path['busy_track_over_rest']:.2f} ({path['busy_track_p50_us']:.0f} µs).")
    if result.get("schedule"):
        parts.append("What looks at which frame: " + "; ".join(map(counted, result["schedule"])) + ".")
    if result.get("live"):
        once = all(run["shared_counted_once"] for run in result["live"])
        parts += [
            "The same live: `frostglass run` with all its processes on a clip at its own pace, from capture until a frame is "
            "handed to the ways out. The last row is more than the machine can do: what nobody had time for leaves masked. "
            + ("Memory is that of all processes, what they share counted once." if once
               else "Memory is that of all processes, what they share counted in each."),
            table(live_rows(result["live"]), ["source", "look-ahead", "p50 / p95 / p99 ms", "masked whole", "clear frames/s",
                                              "MiB", "of one core"]),
        ]
    return "\n\n".join(parts) + "\n"


def live_rows(runs):
    for run in runs:
        three = " / ".join(f"{run[key]:.0f}" for key in ("p50_ms", "p95_ms", "p99_ms"))
        busy = sorted(run["cpu"].items(), key=lambda item: -item[1])
        cpu = ", ".join(f"{name.replace('/exe', '/main')} {100 * share:.0f} %" for name, share in busy if share >= 0.005)
        yield [f"{run['fps']:g}/s", str(run["look_ahead"]), three, f"{100 * run['masked_share']:.1f} %",
               f"{run['clear_per_second']:.1f}", f"{run['resident_sum_mib']:.0f}", cpu]


def network_rows(networks):
    for row in networks:
        ours, bare = row["ours"], row["bare"]
        three = " / ".join(f"{ours[key]:.1f}" for key in ("p50", "p95", "p99"))
        yield [row["network"], row["input"], str(row["threads"]), three, f"{bare['p50']:.1f}",
               f"{ours['p50'] / bare['p50']:.2f}"]


def speed_rows(clip):
    base = clip["programs"]["deface 1.5.0"]["ms_per_frame"]
    for name, program in clip["programs"].items():
        leak = program["leak"]
        tracks = leak.get("tracks")
        yield [
            name, f"{program['ms_per_frame']:.0f}", f"{base / program['ms_per_frame']:.1f}",
            f"{min(program['cpu_s']):.1f}", f"{program['peak_mib']:.0f}", rate(leak["overall"]), rate(large(leak)),
            f"{tracks['with_any_leaked_frame']} of {tracks['n']}" if tracks else "–", over(leak),
        ]


def still_rows(stills):
    for name, program in stills["programs"].items():
        leak = program["leak"]
        yield [name, f"{program['ms_per_picture']:.0f}", rate(leak["overall"]), rate(large(leak)), over(leak)]


def large(leak):
    """Faces of 16 pixels and more; sums have no interval of their own."""
    groups = [group for name, group in leak["by_height"].items() if not name.startswith("<")]
    return {"n": sum(group["n"] for group in groups), "leaked": sum(group["leaked"] for group in groups)}


def rate(group):
    if not group["n"]:
        return "–"
    text = f"{100 * group['leaked'] / group['n']:.1f} % of {group['n']}"
    interval = group.get("leak_interval")
    if interval:
        text += brackets(*((interval["low"], interval["high"]) if isinstance(interval, dict) else interval))
    return text


def brackets(low, high):
    """With as many decimals as tell the ends apart. Where they are one, nothing: nobody knows a share so well."""
    for decimals in range(1, 5):
        ends = [f"{100 * end:.{decimals}f}" for end in (low, high)]
        if ends[0] != ends[1]:
            return f" ({ends[0]}–{ends[1]})"
    return ""


def over(leak):
    share = leak.get("over_redaction")
    return f"{100 * share['share_of_non_target_pixels']:.2f} %" if share else "–"


def counted(looks):
    """Looks of one size one behind the other, as a number of them."""
    head, _, sizes = looks.rpartition(", ")
    runs = [(size, len(list(same))) for size, same in itertools.groupby(sizes.split(" + "))]
    sizes = " + ".join(size if count == 1 else f"{count} of {size}" for size, count in runs)
    return f"{head}, {sizes}" if head else sizes


def table(rows, head):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
