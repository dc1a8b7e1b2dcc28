"""Write mails: read what a mail is about, and return what is to be sent.

write           one intent ──► its message: chooses among the others     (write.py)
orders          confirmations, and information that comes late           (orders.py)
cases           updates and receipts of cases, credit notes              (cases.py)
declarations    receipts, questions and answers                          (declarations.py)
accounts        suspended, active, low on credits, credits replaced      (accounts.py)
plans           reminders of renewals, changes of prices                 (plans.py)
desk            what all of them write from                              (desk.py)
"""

from ledger.usecases.write_mails.desk import Desk, NoAddress, Outdated, Paced
from ledger.usecases.write_mails.orders import confirmed_order
from ledger.usecases.write_mails.write import write_mail

__all__ = ["Desk", "NoAddress", "Outdated", "Paced", "confirmed_order", "write_mail"]
