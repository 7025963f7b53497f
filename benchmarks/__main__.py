"""Run every benchmark, each in a process of its own: `make bench`."""

import subprocess
import sys

BENCHMARKS = (
    "training",
    "kernels",
    "throughput",
    "target_error",
    "rows",
    "accuracy",
    "baselines",
    "coverage",
    "shift",
    "serving",
    "append",
    "plausibility",
    "writers",
    "retention",
    "batch",
    "upload",
    "beside_uploads",
    "gigabyte",
    "charts",
    "memory",
    "judging",
)


def main() -> None:
    """Run the named benchmarks, or all of them."""
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"\n== {name} ==", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
