"""Many processes at one moment, on AWS's own engine: what they were answered is held against a serial order.

rounds ──► processes, started together ──► what each was answered, and when ──► is there a serial order, in real
  (scenarios)      (pool)                        (calls)                         time, of a naive account? (serial)
                                                                                                         (account)
"""

from proof.concurrency.part import run

__all__ = ["run"]
