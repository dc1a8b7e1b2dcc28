"""Bad input at the webhooks: forged, and genuine but strange. Never a 5xx, never an effect that nobody paid for."""

import os

from ledger.dynamodb.store import DynamoDBStore
from proof.input import forged, kept, strange
from proof.input.entrypoint import Entrypoint
from proof.work import Work
from tools import engines

ON_AN_ENGINE = 16
"""One case in so many is played on a real engine too."""


def run(work: Work) -> None:
    """Forged and strange deliveries by turns, to the functions as they are deployed."""
    os.environ.setdefault("TABLE_NAME", "ledger")
    with engines.running(kept.engine()) as endpoint:
        play(work, Entrypoint(), kept.table(endpoint))


def play(work: Work, door: Entrypoint, table: DynamoDBStore | None = None) -> None:
    """By turns, through this door; some of them over a real table too."""
    for case in work.cases(at_least=ON_AN_ENGINE):
        number, is_strange = divmod(case, 2)
        (strange if is_strange else forged).play(work, case, number, door)
        if table and case % ON_AN_ENGINE == ON_AN_ENGINE - 1:
            kept.play(work, case, number, door, table)
