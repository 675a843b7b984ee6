"""``python -m auth_service.scenario SCENARIO --out DIR``: make a scenario's recording."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from alertlab.errors import AlertlabError
from auth_service.scenario.generate import write_incidents, write_recording
from auth_service.scenario.model import load_scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the recording and the incidents; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m auth_service.scenario",
        description="Make the synthetic recording of a scenario, and the incidents in it.",
    )
    parser.add_argument("scenario", type=Path, help="YAML file, such as data/scenarios/*.yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder of the recording")
    parser.add_argument(
        "--incidents", type=Path, help="file for the incidents (default: OUT.incidents.yaml)"
    )
    options = parser.parse_args(arguments)
    incidents = options.incidents or options.out.with_name(f"{options.out.name}.incidents.yaml")
    try:
        scenario = load_scenario(options.scenario)
        with tqdm(total=scenario.days, unit="day", desc=options.out.name, file=sys.stderr) as bar:
            write_recording(scenario, options.out, after_day=bar.update)
        write_incidents(scenario, incidents, options.scenario.name)
    except AlertlabError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    meta = json.loads((options.out / "meta.json").read_text(encoding="utf-8"))
    print(f"recording: {options.out} (synthetic, {scenario.days} days)")
    print(f"samples: {meta['samples']} in {meta['series']} series")
    print(f"bytes per sample: {meta['bytes'] / meta['samples']:.2f}")
    print(f"incidents: {len(scenario.incidents)} in {incidents}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
