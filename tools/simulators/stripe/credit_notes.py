"""Credit notes: what is given back of a paid invoice outside of Stripe, in the dashboard."""

import copy

from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Json, NotPossible, locked
from tools.simulators.common.ids import stripe_id
from tools.simulators.stripe.refunds import Refunds


class CreditNotes(Refunds):
    """The credit notes of an account."""

    @locked
    def credit(self, invoice: str, amount: int) -> Json:
        """Give back a part of a paid `in_` outside of Stripe, such as by a bank transfer."""
        found = self.find(self.invoices, invoice, "invoice")
        credited = sum(one["amount"] for one in self.credit_notes.values() if one["invoice"] == invoice)
        if found["status"] != "paid" or not 0 < amount <= found["amount_paid"] - credited:
            raise NotPossible(f"{found['amount_paid'] - credited} of {invoice} can be credited, once it is paid.")
        note_id = stripe_id("cn_1")
        created = shapes.credit_note(
            note_id, invoice, amount, self.now(), currency=found["currency"], customer=found["customer"]
        )
        self.credit_notes[note_id] = created
        self.emit("credit_note.created", created)
        return created

    @locked
    def note_on_credit(self, note: str, memo: str) -> Json:
        """Write a memo on a `cn_`: no money moves."""
        found = self.find(self.credit_notes, note, "credit note")
        before = copy.deepcopy(found)
        found.update(memo=memo)
        self.emit("credit_note.updated", found, before)
        return found

    @locked
    def void_credit(self, note: str) -> Json:
        """Void a `cn_`: what it gave back has come back, or never went."""
        found = self.find(self.credit_notes, note, "credit note")
        if found["status"] != "issued":
            raise NotPossible(f"{note} is {found['status']}, not issued.")
        found.update(status="void", voided_at=self.now())
        self.emit("credit_note.voided", found)
        return found
