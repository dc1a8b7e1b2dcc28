"""The review queue, decisions, holds, amounts. For the support group only; every action is recorded with its actor.

No person changes their own account: a colleague has to. What is above one person's limits becomes a proposal.

GET, POST /support/refund-cases · GET /support/refund-cases/{case_id} · POST /support/refund-cases/{case_id}/decision
POST, DELETE /support/refund-cases/{case_id}/claim
POST /support/accounts/{account_id}/holds · DELETE /support/accounts/{account_id}/holds/{hold_id}
POST /support/accounts/{account_id}/orders/{order_id}/information
POST /support/accounts/{account_id}/amounts · POST /support/accounts/{account_id}/adjustments
GET /support/accounts/{account_id}/disputes · GET /support/accounts/{account_id}/purchases
GET /support/disputes · GET /support/suspended-accounts · GET /support/decided-cases
GET /support/proposals · POST /support/accounts/{account_id}/proposals/{proposal_id}/{confirmation, rejection}
GET /support/declarations · GET /support/declarations/{declaration_id} · POST …/decision
"""

from ledger.api.http import lambda_handler_of, resolver
from ledger.api.support import accounts, cases, declarations, disputes, proposals

NOUNS = (cases.router, accounts.router, disputes.router, declarations.router, proposals.router)

app = resolver()
for noun in NOUNS:
    app.include_router(noun)

lambda_handler = lambda_handler_of(app)
