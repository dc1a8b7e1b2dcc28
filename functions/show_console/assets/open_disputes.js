// Open disputes: those that await our answer, by their deadline, and those that the bank decides. And suspended accounts.

import { html, nothing } from "./lit-html.js";
import { get, path } from "./api.js";
import { deadline, disputeState, evidenceWords, isAnswerableDispute, submitLink } from "./disputes.js";
import { money, number, time, waitedFor } from "./format.js";
import { badge, draw, empty, Listing, problemBox } from "./ui.js";
import { DISPUTE_REASONS, HOLDS, named } from "./words.js";

const LISTS = {
  evidence: ["Awaits evidence", "No answer is awaited", "A dispute that a bank wants evidence for appears here."],
  bank: ["With the bank", "Nothing is with a bank", "What was answered, and every chargeback at Paddle, appears here until it is decided."],
};

const MOST_PAGES = 5; // that are read by themselves

/** Whether a dispute of a purchase can still be answered. */
export const isAnswerable = (purchase) => purchase.disputes.some(isAnswerableDispute);

export function openDisputesPage(query) {
  let awaits = query.get("awaits") in LISTS ? query.get("awaits") : "evidence";
  let problem = null;
  const disputes = new Listing(async (after) => {
    const found = await get(path("disputes"), { awaits, limit: 50, after });
    return { items: found.purchases, next: found.next };
  });
  /** Read on until there is one that can be answered: those that are too late have the earlier deadlines. */
  const load = async () => {
    await disputes.restart();
    const isToGoOn = () => awaits === "evidence" && disputes.next && !disputes.items.some(isAnswerable);
    for (let pages = 1; pages < MOST_PAGES && isToGoOn(); pages += 1) await disputes.more();
  };
  const show = (one) => async () => {
    awaits = one;
    problem = null;
    history.replaceState(null, "", `#/disputes?awaits=${one}`);
    await load().catch((failed) => { problem = failed; });
    draw();
  };
  return {
    title: "Disputes",
    isList: true,
    load,
    view: () => html`<h1 tabindex="-1">Disputes</h1>
      <p class="lead">${awaits === "evidence" ? "By the deadline for our evidence, the nearest first." : "The latest first. Paddle answers the bank itself and names no deadline: it asks by mail for what it needs."}</p>
      <div class="tabs" role="group" aria-label="Whose turn it is">${Object.entries(LISTS).map(([one, [words]]) => html`<button type="button" aria-pressed=${one === awaits} @click=${show(one)}>${words}</button>`)}</div>
      ${problem ? problemBox(problem, show(awaits)) : disputes.items.length ? tables(disputes, awaits) : disputes.empty(LISTS[awaits][1], LISTS[awaits][2])}`,
  };
}

/** Those that can be answered, and apart from them those for which it is too late. */
function tables(disputes, awaits) {
  if (awaits !== "evidence") return html`${table("With the bank", disputes.items)}${disputes.button()}`;
  const [answerable, late] = [true, false].map((is) => disputes.items.filter((one) => isAnswerable(one) === is));
  return html`${answerable.length ? table("To be answered", answerable) : empty(disputes.next ? "Nothing can be answered so far" : "Nothing can be answered", `For those below it is too late.${disputes.next ? " There are more." : ""}`)}${disputes.button()}
    ${late.length ? html`<h2 class="section">Too late to answer</h2><p class="soft small lead-in">Nothing was handed in before the deadline. The bank decides without our answer, and the dispute leaves this list.</p>${table("Too late to answer", late)}` : nothing}`;
}

const table = (words, purchases) => html`<div class="card flush"><table class="rows">
  <caption class="unseen">${words}</caption>
  <thead><tr><th scope="col">Dispute</th><th scope="col">Account</th><th scope="col" class="figure">Disputed</th><th scope="col">Deadline</th><th scope="col">Evidence</th><th scope="col">Answer it at</th></tr></thead>
  <tbody>${purchases.flatMap((purchase) => purchase.disputes.map((one) => row(one, purchase)))}</tbody></table></div>`;

const row = (one, purchase) => {
  const words = one.reason ? DISPUTE_REASONS[one.reason] || named(one.reason) : purchase.provider === "stripe" ? "Reason not known" : "Chargeback";
  return html`<tr>
  <th scope="row">${purchase.account_id ? html`<a class="row" href="#/evidence/${encodeURIComponent(purchase.account_id)}">${words}</a>` : words} ${disputeState(one.state)}</th>
  <td data-label="Account">${purchase.account_id ? html`<span class="id">${purchase.account_id}</span>` : html`<span class="soft">Its payment is not known yet</span>`}</td>
  <td data-label="Disputed" class="figure">${money(one.amount)}</td>
  <td data-label="Deadline">${one.awaits_evidence ? (one.evidence_due_at ? deadline(one) : html`<span class="soft">Not known here</span>`) : html`<span class="soft">${purchase.provider === "stripe" ? "–" : "None: Paddle answers"}</span>`}</td>
  <td data-label="Evidence">${purchase.provider === "stripe" ? evidenceWords(one) : html`<span class="soft">–</span>`}</td>
  <td data-label="Answer it at">${submitLink(one, purchase)}</td></tr>`;
};

export function suspendedPage() {
  const accounts = new Listing(async (after) => {
    const found = await get(path("suspended-accounts"), { limit: 50, after });
    return { items: found.accounts, next: found.next };
  });
  return {
    title: "Suspended accounts",
    isList: true,
    load: () => accounts.restart(),
    view: () => html`<h1 tabindex="-1">Suspended accounts</h1>
      <p class="lead">Who can't spend, the one that was suspended last comes first.</p>
      ${accounts.items.length ? suspended(accounts) : accounts.empty("Nobody is suspended", "An account with a hold appears here.")}`,
  };
}

const suspended = (accounts) => html`<div class="card flush"><table class="rows">
  <caption class="unseen">Suspended accounts</caption>
  <thead><tr><th scope="col">Account</th><th scope="col">Why</th><th scope="col">Since</th><th scope="col">Suspended for</th><th scope="col" class="figure">Balance</th><th scope="col" class="figure">Debt</th></tr></thead>
  <tbody>${accounts.items.map((one) => html`<tr>
    <th scope="row"><a class="row id" href="#/accounts/${encodeURIComponent(one.account_id)}">${one.account_id}</a></th>
    <td data-label="Why" class="wrap">${one.holds.map((hold) => html`${badge([HOLDS[hold.hold_id.split(":")[0]] || "Another reason", "bad"])} <span class="soft id">${hold.hold_id}</span><br>`)}</td>
    <td data-label="Since">${time(one.since)}</td>
    <td data-label="Suspended for">${waitedFor(one.since)}</td>
    <td data-label="Balance" class="figure">${number(one.balance)}</td>
    <td data-label="Debt" class="figure">${one.shortfall ? number(one.shortfall) : html`<span class="soft">–</span>`}</td></tr>`)}</tbody></table></div>${accounts.button()}`;
