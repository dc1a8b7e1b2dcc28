"""Conclusions: what a dispute has come to, by what moved, and by the provider's word where nothing tells otherwise."""

from dataclasses import replace

from ledger.domain.facts import DisputeChanged, DisputeState

_EXCHANGE_LOSS = 10
"""A withdrawal and its return are converted on two days. A difference below one part in so many is no loss."""


def conclusion(dispute: DisputeChanged, *, is_resolution: bool = False) -> DisputeState:
    """Return the state that a dispute has by what moved, and by the provider's word where nothing tells otherwise.

    `is_resolution`: it counts as resolved where it is lost, as `ResolutionReported` says.

    word               withdrawn, not returned   returned   nothing listed
    prevented          resolved                  prevented  a resolution: resolved, else prevented
    inquiry_closed     lost                      as told    as told
    inquiry            open                      as told    as told
    lost               lost                      won        lost
    won                won; withdrawn again:     won        won
                       open
    others             as told                   as told    as told

    `resolved`: the card network has refunded the buyer, and nobody contests anything. A dispute is reported as won
    before its money is back. If that was withdrawn again since, nobody knows whether it will come back once more.
    """
    state = dispute.state
    is_returned = dispute.returned_minor > 0 and not is_short(dispute)
    is_gone = dispute.taken_minor > 0 and not is_returned
    match state:
        case DisputeState.PREVENTED:
            is_resolved = is_gone or (dispute.is_resolution and not is_returned)
            return DisputeState.RESOLVED if is_resolved else state
        case DisputeState.INQUIRY_CLOSED if is_gone:
            return DisputeState.LOST
        case DisputeState.INQUIRY if is_gone:
            return DisputeState.OPEN
        case DisputeState.WON if is_gone and dispute.is_withdrawn_again:
            return DisputeState.OPEN
        case DisputeState.LOST if is_returned:
            return DisputeState.WON
        case DisputeState.LOST if is_resolution:
            return DisputeState.RESOLVED
    return state


def is_gone(dispute: DisputeChanged) -> bool:
    """Return whether the money of a dispute is gone: it is lost or resolved."""
    return conclusion(dispute) in {DisputeState.LOST, DisputeState.RESOLVED}


def without_what_came_back(dispute: DisputeChanged) -> DisputeChanged:
    """Return a dispute with the amount that it takes: of one whose money is gone, what did not come back."""
    if not is_gone(dispute) or dispute.returned_minor >= dispute.taken_minor:
        return dispute
    left_minor = dispute.taken_minor - dispute.returned_minor
    return replace(dispute, amount_minor=dispute.amount_minor * left_minor // dispute.taken_minor)


def is_short(dispute: DisputeChanged) -> bool:
    """Return whether clearly less came back than was withdrawn."""
    return dispute.returned_minor * _EXCHANGE_LOSS < dispute.taken_minor * (_EXCHANGE_LOSS - 1)
