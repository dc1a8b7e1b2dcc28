"""Generate the calendars of public holidays that the period of withdrawal counts with, from the library `holidays`.

A period that ends on a public holiday ends later (Regulation 1182/71, article 3). Whose holidays is not settled, so all
that some region of a country has count: a period may end a little too late, never too early. CI fails if the file in
the repository is not up to date with the pinned library.
"""

import argparse
import json
import sys

import holidays

from ledger.policy import law

FILE = law.HOLIDAYS_FILE
YEARS = range(2026, 2033)
"""Of a later year nothing is known: a person decides about the days in which holidays might count."""


def main() -> int:
    """Write the calendars, or check the file in the repository. Exit code 1: it is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m tools.holidays", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    arguments = parser.parse_args()
    text = calendars()
    if not arguments.check:
        FILE.write_text(text, "utf-8")
        return 0
    if FILE.read_text("utf-8") == text:
        return 0
    print(f"{FILE.name} is not up to date: run `python -m tools.holidays`.", file=sys.stderr)
    return 1


def calendars() -> str:
    """Return the file's text: for each country of the statutory right its days, a line each."""
    regions = holidays.list_supported_countries()
    days = {country: _days(country, regions.get(country, [])) for country in sorted(law.load().statutory_countries)}
    lines = [f'  "{country}": {json.dumps(days[country], separators=(",", ":"))}' for country in days]
    span = f'  "years": [{YEARS[0]}, {YEARS[-1]}]'
    return "{\n" + ",\n".join([span, *lines]) + "\n}\n"


def _days(country: str, regions: list[str]) -> list[str]:
    found = set(holidays.country_holidays(country, years=YEARS))
    for region in regions:
        found |= set(holidays.country_holidays(country, subdiv=region, years=YEARS))
    return [f"{day:%Y%m%d}" for day in sorted(found) if day.year in YEARS and day.weekday() < law.SATURDAY]


if __name__ == "__main__":
    sys.exit(main())
