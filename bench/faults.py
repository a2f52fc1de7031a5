"""The crash sweep: every fault at every call on the fake, counted by what had to be typed.

`bench/kills.py` is the same on the real thing, for some of them.
"""

import collections
import concurrent.futures
import sys

from tests import sweep

WORKERS = 2


def main() -> int:
    """Print the table; 1 when a case did not end well."""
    cases = list(sweep.cases())
    with concurrent.futures.ProcessPoolExecutor(WORKERS) as pool:
        ended = list(pool.map(_ended, cases, chunksize=20))
    print(table(cases, ended))
    wrong = [(case, how) for case, how in zip(cases, ended, strict=True) if how.startswith("WRONG")]
    for case, how in wrong:
        print(f"{case}: {how}", file=sys.stderr)
    return 1 if wrong else 0


def table(cases: list[sweep.Case], ended: list[str]) -> str:
    """Return the cases by operation and fault, and their ends, as Markdown."""
    rows: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(
        collections.Counter
    )
    for case, how in zip(cases, ended, strict=True):
        rows[case.operation, case.fault][how.partition(":")[0]] += 1
    lines = [
        f"| {operation} | {fault} | {count.total()} | "
        + ", ".join(f"`{how}` {number}" for how, number in count.most_common())
        + " |"
        for (operation, fault), count in rows.items()
    ]
    head = "| operation | fault | cases | what was typed |\n|---|---|---|---|"
    return "\n".join([head, *lines, f"\n{len(cases)} cases"])


def _ended(case: sweep.Case) -> str:
    try:
        return sweep.outcome(case)
    except Exception as error:  # noqa: BLE001 - a row of the table
        return f"WRONG: {error}"


if __name__ == "__main__":
    sys.exit(main())
