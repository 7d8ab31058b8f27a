"""`python -m tests.chaos`: a run of the chaos, of a seed that can be given."""

import argparse
import secrets
import shutil
import sys

from tests.chaos.driver import Run
from tests.chaos.report import Report

_SECONDS = 120


def main() -> int:
    """Runs, and says what it did; 1 where something was wrong."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Faults strike real processes while jobs run.")
    parser.add_argument("--seed", type=int, help="what decides all faults; a random one where it is left out")
    parser.add_argument("--kills", type=int, help="how many processes shall be killed, instead of two minutes")
    parser.add_argument("--seconds", type=int, default=_SECONDS, help="how long to go on, where --kills is left out")
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
        again = f"SEED={seed}" + (f" KILLS={options.kills}" if options.kills else "")
        _say(f"FAILED; all of it is in {report.folder}; again by: make chaos {again}")
        return 1
    shutil.rmtree(report.folder)
    _say(f"seed {seed}: good")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
