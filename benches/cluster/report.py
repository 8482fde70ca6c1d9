"""What people see: lines while it works, and a table at the end."""

import sys
import time
from dataclasses import dataclass, field

BEGIN = time.monotonic()


class Trouble(Exception):
    """Why a fault could not be gone through."""


def say(text):
    print(f"{time.monotonic() - BEGIN:7.1f} s  {text}", file=sys.stderr, flush=True)


@dataclass
class Result:
    """What was found of one fault."""

    name: str
    figures: dict = field(default_factory=dict)  # what it is: the value, and whether it is as it must be

    def note(self, what, value, good=True):
        self.figures[what] = (str(value), good)
        say(f"{self.name}: {what}: {value}{'' if good else ', and must not be'}")

    @property
    def good(self):
        return all(good for _, good in self.figures.values())


def table(results):
    """A row a figure, a column a fault; bold is what must not be."""
    rows = list(dict.fromkeys(what for result in results for what in result.figures))
    lines = [f"| | {' | '.join(result.name for result in results)} |", f"|---|{'--:|' * len(results)}"]
    for what in rows:
        found = [result.figures.get(what, ("", True)) for result in results]
        cells = [value if good else f"**{value}**" for value, good in found]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines)
