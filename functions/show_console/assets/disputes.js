// Disputes: how far our answer to the bank is, until when it is taken, and where it is handed in.

import { html, nothing } from "./lit-html.js";
import { ago, money, time } from "./format.js";
import { badge } from "./ui.js";
import { DISPUTE_REASONS, DISPUTE_STATES, named, provider } from "./words.js";

const EVIDENCE = { none: "Nothing was handed in", draft: "Evidence is saved at the provider, and not handed in", submitted: "Evidence was handed in" };

export const evidenceWords = (one) => EVIDENCE[one.evidence] || html`<span class="soft">Not known here</span>`;

export const disputeState = (state) => badge(DISPUTE_STATES[state] || [named(state), "quiet"]);

/** The deadline, marked if it is near or over and nothing was handed in. */
export function deadline(one) {
  if (!one.evidence_due_at) return nothing;
  const isOver = new Date(one.evidence_due_at) < Date.now();
  return html`<b class=${one.is_due_soon ? "due" : ""}>${isOver ? "The deadline is over" : html`Due ${ago(one.evidence_due_at)}`}</b> <span class="soft">${time(one.evidence_due_at)}</span>${one.is_due_soon ? html` ${badge([isOver ? "Too late" : "Due soon", "bad"])}` : nothing}`;
}

/** Whether an answer of ours is awaited and would still be taken. */
export const isAnswerableDispute = (one) => one.awaits_evidence && !(one.evidence_due_at && new Date(one.evidence_due_at) < Date.now());

/** Where the evidence is handed in. */
export function submitLink(dispute, purchase) {
  const isStripe = purchase.provider === "stripe";
  const house = purchase.is_live ? "vendors" : "sandbox-vendors";
  const address = isStripe
    ? `https://dashboard.stripe.com/${purchase.is_live ? "" : "test/"}disputes/${encodeURIComponent(dispute.dispute_id)}`
    : `https://${house}.paddle.com/transactions-v2/${encodeURIComponent(purchase.purchase_id.replace(/^paddle:/, ""))}`;
  return html`<a href=${address} target="_blank" rel="noopener noreferrer">${isStripe ? "The dispute at Stripe" : `The transaction at ${provider(purchase.provider)}`}</a>`;
}

/** What is awaited of us, in words. */
export function answer(dispute, isMerchantOfRecord = false) {
  if (isMerchantOfRecord) return dispute.is_open ? html`<p>Paddle is the seller and answers the bank: it names no deadline here, and asks by mail for what it needs.</p>` : nothing;
  const words = EVIDENCE[dispute.evidence];
  if (!dispute.awaits_evidence) return words ? html`<p class="soft">${words}.</p>` : nothing;
  return html`<p>${dispute.evidence_due_at ? deadline(dispute) : html`<b>The deadline is not known here.</b> Stripe's page names it.`}</p>${words ? html`<p>${words}.</p>` : nothing}`;
}

/** A dispute in two lines. */
export const disputeLine = (one) => html`<p>${disputeState(one.state)} <b>${money(one.amount)}</b>${one.reason ? html` ${DISPUTE_REASONS[one.reason] || named(one.reason)}` : nothing}</p>
  <p class="soft small">Disputed since ${time(one.opened_at)}, <span class="id">${one.dispute_id}</span></p>`;
