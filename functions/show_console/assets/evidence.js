// Evidence for the bank: a disputed purchase on one page, to be printed or saved as a file.

import { html, nothing } from "./lit-html.js";
import { get, path } from "./api.js";
import { answer, disputeLine, isAnswerableDispute, submitLink } from "./disputes.js";
import { credits, money, number, signed, time } from "./format.js";
import { agreedRows } from "./orders.js";
import { accountLink, badge, card, crumbs, empty, facts } from "./ui.js";
import { CASE_STATES, entryKind, named, product, provider, reason } from "./words.js";

const MAILS = {
  contract_confirmation: "Confirmation of the contract, with the consent",
  case_update: "What was decided, and why",
  withdrawal_receipt: "Receipt of the withdrawal",
  account_suspended: "The account was suspended, and why",
  account_active: "The account is active again",
  credits_replaced: "Credits of failed runs were replaced",
  review_received: "Receipt of the request for a review",
  review_answered: "Answer to the request for a review",
};
const OUTCOMES = { sent: "Accepted for delivery", refused: "Not accepted", outdated: "Replaced by a later mail", off: "Not sent: mails are off" };

export function evidencePage(accountId) {
  let found = [];
  let email = null;
  return {
    title: `Evidence: ${accountId}`,
    load: async () => { ({ purchases: found, email } = await get(path("accounts", accountId, "disputes"))); },
    view: () => html`${crumbs(["disputes", "Disputes"], accountLink(accountId), "Evidence")}<div class="head"><div><h1 tabindex="-1">Evidence for the bank</h1><p class="lead">${email ? html`${email} · ` : nothing}Account ${accountLink(accountId)}</p></div>
      ${found.length ? html`<button type="button" class="button" @click=${() => window.print()}>Print, or save as PDF</button>` : nothing}</div>
      ${found.length ? GROUPS.map(([words, isIn]) => group(words, found.filter((one) => turnOf(one) === isIn))) : empty("No dispute", "No purchase of this account is or was disputed.")}`,
  };
}

/** Whose turn it is: ours, the bank's, or nobody's. */
const turnOf = ({ disputes }) => (disputes.some(isAnswerableDispute) ? "ours" : disputes.some((one) => one.is_open) ? "bank" : "none");
const GROUPS = [["To be answered", "ours"], ["With the bank, or too late to answer", "bank"], ["Decided", "none"]];

const group = (words, purchases) => (purchases.length ? html`<h2 class="section ours">${words}</h2>${purchases.map(purchase)}` : nothing);

const purchase = (one) => html`<article class="evidence">
  ${card(html`${money(one.paid)}, ${one.lines.map((line) => product(line.product_id)).join(", ")}`, html`
    ${one.disputes.map((dispute) => html`<div class="dispute">${disputeLine(dispute)}${answer(dispute, one.provider !== "stripe")}${dispute.is_open ? html`<p>${submitLink(dispute, one)}</p>` : nothing}</div>`)}
    ${one.checklist.length ? html`<div class="ours"><h3>What the bank asks for <span class="soft">(not printed)</span></h3>${checklist(one.checklist)}</div>` : nothing}
    ${facts([
      ["Paid at", time(one.paid_at)],
      ["Provider", provider(one.provider)],
      ["Payment", html`<span class="id">${one.purchase_id}</span>`],
      ["Invoice", one.invoice_number || "Not reported yet"],
      ["Subscription", one.subscription_id ? html`<span class="id">${one.subscription_id}</span>` : nothing],
    ])}
    <h3>Order and consent</h3>${one.order ? order(one.order, one.withdrawals) : html`<p class="soft">No order of ours is known for this payment.</p>`}
    <h3>What was used</h3><p><b>${number(one.credits_used)}</b> of ${credits(one.credits_granted)} were used.</p>${one.usage.length ? usage(one) : nothing}
    <h3>What went back</h3>${one.refunds.length ? html`<ul>${one.refunds.map((refund) => html`<li>${money(refund.amount)}, ${named(refund.state).toLowerCase()}, ${time(refund.created_at)} <span class="soft id">${refund.refund_id}</span></li>`)}</ul>` : html`<p class="soft">No refund.</p>`}
    <h3>What the customer wrote, and our answer</h3>${one.cases.length ? one.cases.map(written) : html`<p class="soft">The customer did not write to us about this purchase.</p>`}
    <h3>Mails to the customer</h3>${one.mails.length ? html`<ul>${one.mails.map((mail) => html`<li>${MAILS[mail.kind] || named(mail.kind)}, ${time(mail.at)} <span class="soft">${mail.failed_at ? html`It came back, ${time(mail.failed_at)}` : OUTCOMES[mail.outcome] || named(mail.outcome)}</span></li>`)}</ul>` : html`<p class="soft">No mail was sent.</p>`}`)}
</article>`;

const checklist = (items) => html`<ul class="plain-list checklist">${items.map((item) => html`<li class=${item.is_there ? "there" : "missing"}><p><span class="mark" role="img" aria-label=${item.is_there ? "Here:" : "Missing:"}>${item.is_there ? "✓" : "–"}</span><b>${item.asked}</b></p><p class="soft">${item.words}</p></li>`)}</ul>`;

const order = (one, withdrawals) => facts([
  ["Order", html`<span class="id">${one.order_id}</span>`],
  ["Placed", time(one.placed_at)],
  ["Product", product(one.product_id)],
  ["Price", html`${money(one.price)} <span class="soft">before tax and discount</span>`],
  ["Country", one.country],
  ["Bought as", one.is_business ? "A business" : "A consumer"],
  ["Refund policy", html`<a href="/policy/${encodeURIComponent(one.policy_version)}" target="_blank" rel="noopener noreferrer">Version ${one.policy_version}</a>, accepted with the order`],
  ["Informed", one.informed_at ? html`Of the right of withdrawal, ${time(one.informed_at)}` : "Nothing is recorded"],
  ["Consent", one.consent ? consent(one.consent) : "None was given"],
  ...agreedRows(one),
  ["Withdrawal", withdrawals.length ? withdrawals.map((two) => html`<p>Declared: <a class="id" href="#/cases/${two.case_id}">${two.case_id}</a>. ${two.stands ? "It counts: the contract has ended." : "It was declined, or credits were given instead."} <span class="soft">${time(two.at)}</span></p>`) : "None was declared"],
]);

/** What was said, whether it was confirmed, and whether that counts: one of these, never two that contradict each other. */
const consent = (one) => html`<p>Given ${time(one.given_at)}, text ${one.text_version}. ${one.asked_to_begin ? "Asked to begin at once" : "Did not ask to begin"}, ${one.acknowledged_loss ? "acknowledged what that ends" : "did not acknowledge what that ends"}.</p>
  <p>${confirmation(one)}</p><p class="ours"><b>${one.is_complete ? "It counts: with the use of the credits the right of withdrawal ended." : "It does not count: the right of withdrawal did not end with the use of the credits."}</b></p>`;

const confirmation = (one) => {
  if (!one.is_confirmed) return one.came_back ? "The mail that confirmed it came back." : "It was not confirmed by mail.";
  const when = one.confirmed_at ? html`Confirmed by mail ${time(one.confirmed_at)}` : "Confirmed by mail, the time is not recorded";
  return html`${when}${one.is_late ? ": after the first use, or after a withdrawal, so too late." : "."}`;
};

const usage = (one) => html`<table class="rows compact"><caption class="unseen">Credits of this purchase, latest first</caption>
  <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col" class="figure">Credits</th></tr></thead>
  <tbody>${one.usage.map((entry) => html`<tr><td data-label="When">${time(entry.at)}</td><td data-label="What">${entryKind(entry.kind)} <span class="soft id">${entry.cause}</span></td><td data-label="Credits" class="figure">${signed(entry.credits)}</td></tr>`)}</tbody></table>
  ${one.has_more_usage ? html`<p class="soft">There is more. The latest are shown.</p>` : nothing}`;

const written = (one) => html`<div class="written"><p><b>${reason(one.reason)}</b> ${badge(CASE_STATES[one.state])} <span class="soft">${time(one.opened_at)}, ${one.case_id}</span></p>
  ${one.message ? html`<blockquote>${one.message}</blockquote>` : nothing}
  ${one.answer.length ? html`<p class="soft small">Our answer${one.decided_at ? html`, ${time(one.decided_at)}` : nothing}</p><ul class="reasons">${one.answer.map((line) => html`<li>${line}</li>`)}</ul>` : nothing}</div>`;
