"""Writing verdicts in the form of their files: sorted, so that a change of one word is a change of one line."""

import json
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tools.drift.verdicts import Verdict, Verdicts

MARGIN = 120

_BARE_KEY = re.compile("[A-Za-z0-9_-]+")


def written(verdicts: Verdicts) -> str:
    """Return the text of a file of verdicts, without the reasons that no verdict gives. `load` reads it back."""
    tables = [line for name, fields in verdicts.fields.items() for line in _tables(verdicts, name, fields)]
    used = {verdict.reason for judged in _groups_of(verdicts) for verdict in judged.values()}
    reasons = [
        f"{name} = {json.dumps(text, ensure_ascii=False)}" for name, text in verdicts.reasons.items() if name in used
    ]
    heading = "# Our verdict on each word of this provider's SDK: see docs/drift.md."
    return "\n".join([heading, "", "[reasons]", *reasons, *tables]) + "\n"


def _groups_of(verdicts: Verdicts) -> Iterator[Mapping[str, Verdict]]:
    yield from verdicts.fields.values()
    for values in verdicts.values.values():
        yield from values.values()


def _tables(verdicts: Verdicts, name: str, fields: Mapping[str, Verdict]) -> Iterator[str]:
    yield from _groups(verdicts, _key(name), fields)
    for path, values in verdicts.values[name].items():
        yield from _groups(verdicts, f"{_key(name)}.values.{_key(path)}", values)


def _groups(verdicts: Verdicts, table: str, judged: Mapping[str, Verdict]) -> Iterator[str]:
    read: dict[str, list[str]] = defaultdict(list)
    ignored: dict[str, list[str]] = defaultdict(list)
    for word, verdict in judged.items():
        for module in verdict.modules:
            read[module].append(word)
        if not verdict.is_read:
            ignored[verdict.reason].append(word)
    if read:
        yield from ("", f"[{table}.read]", *(_group(module, read[module]) for module in sorted(read)))
    if ignored:
        named = (reason for reason in verdicts.reasons if reason in ignored)
        yield from ("", f"[{table}.ignored]", *(_group(reason, ignored[reason]) for reason in named))


def _group(key: str, words: Iterable[str]) -> str:
    quoted = [f'"{word}"' for word in sorted(words)]
    line = f"{key} = [{', '.join(quoted)}]"
    if len(line) <= MARGIN:
        return line
    inside = textwrap.wrap(
        f"{', '.join(quoted)},",
        MARGIN,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join([f"{key} = [", *inside, "]"])


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else f'"{name}"'
