"""`python -m tests.chaos`: one run, with a seed that can be repeated."""

import argparse
import secrets
import shutil
import sys

from tests.chaos.driver import Run
from tests.chaos.report import Report

_SECONDS = 120


def main() -> int:
    """Run the chaos and print its report; returns 1 if something was wrong."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Faults strike real processes while jobs run.")
    parser.add_argument("--seed", type=int, help="decides all faults; defaults to a random number")
    parser.add_argument("--kills", type=int, help="stop after this many killed processes, not after --seconds")
    parser.add_argument(
        "--seconds", type=int, default=_SECONDS, help="how long to run without --kills; defaults to 120"
    )
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    _say(f"seed {seed}")

    def is_enough(report: Report) -> bool:
        if options.kills is None:
            return report.seconds >= float(options.seconds)
        return report.kills.total() >= int(options.kills)

    report = Run(seed, _say).go(is_enough)
    _say(report.table())
    if report.complaints:
        variables = f"SEED={seed}" + (f" KILLS={options.kills}" if options.kills else "")
        _say(f"FAILED; sources and logs are in {report.folder}; to repeat: make chaos {variables}")
        return 1
    shutil.rmtree(report.folder)
    _say(f"seed {seed}: good")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
