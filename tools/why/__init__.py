"""Why: from any id to the whole chain of what was received, decided and booked, and what still waits."""

from tools.why.chain import Line, lines_of, lines_that_concern
from tools.why.search import NotFoundAnywhere, collect

__all__ = ["Line", "NotFoundAnywhere", "collect", "lines_of", "lines_that_concern"]
