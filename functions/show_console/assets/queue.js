// The review queue: what a person has to decide, what is due by law first.

import { html, nothing } from "./lit-html.js";
import { get, path } from "./api.js";
import { day, daysUntil, money, waitedFor } from "./format.js";
import { badge, Listing } from "./ui.js";
import { outcome, reason } from "./words.js";
import { openCaseButton } from "./new_case.js";

export function queuePage() {
  const cases = new Listing(async (after) => {
    const found = await get(path("refund-cases"), { limit: 50, after });
    return { items: found.cases, next: found.next };
  });
  return {
    title: "Review queue",
    isList: true,
    load: () => cases.restart(),
    view: () => html`<div class="head"><div><h1 tabindex="-1">Review queue</h1>
      <p class="lead">What is due by law comes first, then who wrote to us before a dispute, then the oldest.</p></div>${openCaseButton()}</div>
      ${cases.items.length ? table(cases) : cases.empty("Nothing to review", "Every case is decided. New ones appear here.")}`,
  };
}

const table = (cases) => html`<div class="card flush"><table class="rows">
  <caption class="unseen">Cases that wait for a person</caption>
  <thead><tr><th scope="col">Case</th><th scope="col">Account</th><th scope="col" class="figure">Paid</th><th scope="col">Policy</th><th scope="col">Due</th><th scope="col">Waiting</th><th scope="col">Open at</th></tr></thead>
  <tbody>${cases.items.map(row)}</tbody></table></div>${cases.button()}`;

const row = (one) => html`<tr>
  <th scope="row"><a class="row" href="#/cases/${one.case_id}">${one.reason ? reason(one.reason) : one.case_id}</a> ${one.is_priority ? badge(["Wrote first", "warn"]) : nothing} ${one.waiting_proposals ? badge(["Waits for a colleague", "quiet"]) : nothing}</th>
  <td data-label="Account"><span class="id">${one.account_id}</span></td>
  <td data-label="Paid" class="figure ${one.paid ? "" : "none"}">${one.paid ? money(one.paid) : "–"}</td>
  <td data-label="Policy">${one.recommended && one.recommended !== "review" ? (one.recommended === "replace" ? "Replace" : outcome(one.recommended)) : html`<span class="soft">Leaves it open</span>`}</td>
  <td data-label="Due" class=${one.due_by ? "" : "none"}>${one.due_by ? due(one.due_by) : html`<span class="soft">–</span>`}</td>
  <td data-label="Waiting">${waitedFor(one.since)}</td>
  <td data-label="Open at" class=${one.claimed_by ? "" : "none"}>${one.claimed_by ? badge([one.claimed_by, "accent"]) : html`<span class="soft">–</span>`}</td></tr>`;

export function due(iso) {
  const days = daysUntil(iso);
  return badge([days < 0 ? `Overdue since ${day(iso)}` : `Due ${day(iso)}`, days < 3 ? "bad" : days < 7 ? "warn" : "quiet"]);
}
