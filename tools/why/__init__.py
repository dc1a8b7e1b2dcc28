"""Why: from any id to the whole chain of what was received, decided and booked, and what still waits."""

from ledger.usecases.chain import Line, lines_that_concern
from tools.why.chain import lines_of
from tools.why.search import FoundBy, NotFoundAnywhere, collect

__all__ = ["FoundBy", "Line", "NotFoundAnywhere", "collect", "lines_of", "lines_that_concern"]
