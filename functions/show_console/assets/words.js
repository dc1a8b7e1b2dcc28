// The words for what the API names by a code.

export const REASONS = {
  charged_twice: "Charged twice",
  wrong_amount: "Wrong amount",
  mistaken_renewal: "Renewal by mistake",
  changed_my_mind: "Changed their mind",
  technical_problem: "Technical problem",
  unrecognised_charge: "Charge not recognised",
  fraud_warning: "Fraud warning",
  inquiry: "Inquiry of a bank",
  withdrawal: "Withdrawal",
};

// Each state: its words, and the tone of its badge.
export const CASE_STATES = {
  declared: ["Declared", "quiet"],
  requested: ["Waiting", "quiet"],
  in_review: ["In review", "accent"],
  approved: ["Approved", "good"],
  issued: ["Refund under way", "good"],
  refunded: ["Refunded", "good"],
  declined: ["Declined", "bad"],
  replaced: ["Replaced with credits", "good"],
  failed: ["Refund failed", "bad"],
};

export const OUTCOMES = { approve: "Refund", replace: "Replace with credits", decline: "Decline", review: "A person decides", wait: "Wait" };

export const ACTIONS = {
  hold: "Suspend the account",
  lift: "Lift a hold",
  approve: "Approve a refund",
  replace: "Replace with credits",
  decline: "Decline a refund",
  state_amount: "State an amount",
  adjust: "Adjust credits",
  inform: "Inform of the right to withdraw",
  replace_runs: "Replace the credits of failed runs",
  propose: "Propose",
  confirm: "Confirm",
  reject: "Reject",
};

export const INCIDENT_STATES = { running: ["Running", "accent"], done: ["Done", "good"] };

// Why an account gets nothing from an incident.
export const LEFT_OUT = {
  own: ["Of who acts", "quiet"],
  suspended: ["Suspended", "bad"],
  above_sum: ["Found after the sum was agreed", "warn"],
};

export const DECLARATION_STATES = {
  in_review: ["In review", "accent"],
  confirmed: ["Confirmed", "quiet"],
  matched: ["Waits for the customer", "quiet"],
  approved: ["Approved", "good"],
  executed: ["Carried out", "good"],
  closed: ["Closed", "quiet"],
  draft: ["Not confirmed", "quiet"],
};

export const REVIEW_CAUSES = {
  no_match: "What it names is no contract that we know.",
  several_matches: "It names contracts of different customers.",
  objected: "The holder of the address on file objected.",
  not_noticed: "No mail to the address on file was accepted for delivery.",
  many: "Many came from the same source within an hour.",
  extraordinary: "It is a cancellation for an important reason.",
  later_end: "The customer chose a later end.",
  no_subscription: "Nothing renews, or several subscriptions do.",
  not_executable: "The purchase can't be withdrawn from as it is.",
  suspended: "The customer asks a person to review the suspension of the account.",
  declined: "The customer asks a person to review the declined request.",
};

// Each state of a dispute, an inquiry or a chargeback.
export const DISPUTE_STATES = {
  inquiry: ["Inquiry", "warn"],
  inquiry_closed: ["Inquiry closed", "quiet"],
  open: ["Open", "bad"],
  under_review: ["With the bank", "warn"],
  appealed: ["Appealed", "warn"],
  lost: ["Lost", "bad"],
  won: ["Won", "good"],
  prevented: ["Prevented", "good"],
  resolved: ["Paid back by the bank", "quiet"],
  taken: ["Taken", "bad"],
  reversed: ["Reversed", "good"],
};

// What an entry does with credits.
const ENTRY_KINDS = {
  grant: "Granted",
  draw: "Used",
  return: "Returned",
  clawback: "Taken back, since money went back",
  restore: "Given back, since the money stayed",
  expire: "Expired",
  freeze: "Frozen by a dispute",
  thaw: "Free again after a dispute",
  reserve: "Reserved for a refund",
  release: "No longer reserved for a refund",
  adjust: "Adjusted by support",
  reschedule: "Given another expiry",
};

export const HOLDS = { dispute: "Dispute", fraud: "Fraud", support: "By support" };

// What the buyer told the bank.
export const DISPUTE_REASONS = {
  fraudulent: "“I did not pay this”",
  unrecognised: "“I do not recognise this”",
  duplicate: "“I paid twice”",
  subscription_canceled: "“I had cancelled”",
  not_received: "“I did not get it”",
  unacceptable: "“It is not as described”",
  credit_not_processed: "“A refund was promised”",
  general: "Another reason",
};

export const CLAUSES = {
  1: "1. General information",
  2: "2. Credit packs",
  3: "3. Subscriptions",
  4: "4. Failed or duplicate payments",
  5: "5. Chargebacks and disputes",
  6: "6. Technical issues",
  7: "7. How to request a refund",
};

export const named = (text) => text.replaceAll("_", " ").replace(/^./, (one) => one.toUpperCase());

export const reason = (code) => REASONS[code] || named(code || "");
export const rule = (code) => named(code || "");
export const action = (code) => ACTIONS[code] || named(code || "");
export const entryKind = (code) => ENTRY_KINDS[code] || named(code || "");
export const outcome = (code) => OUTCOMES[code] || named(code || "");
export const product = (code) => named(code || "").replace(/(\d+)$/, (one) => `of ${new Intl.NumberFormat().format(one)} credits`);
export const provider = (code) => ({ stripe: "Stripe", paddle: "Paddle" })[code] || named(code || "");
export const actor = (code) => ({ policy: "The policy", provider: "The provider", send_refunds: "The system" })[code] || code;
