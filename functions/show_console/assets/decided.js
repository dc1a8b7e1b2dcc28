// Decided cases: those that the policy declined by itself, which a person can overturn, and all others.

import { html, nothing } from "./lit-html.js";
import { get, path } from "./api.js";
import { ago, credits, money } from "./format.js";
import { badge, draw, Listing, problemBox } from "./ui.js";
import { actor, CASE_STATES, CLAUSES, reason } from "./words.js";

const LISTS = {
  all: ["All", "Nothing is decided", "What a person or the policy has decided appears here."],
  declined_by_policy: ["Declined by the policy", "Nothing was declined by the policy", "What the policy declines by itself appears here, and you can overturn it."],
  decided_otherwise: ["All other decisions", "Nothing else was decided", "What a person decided, and what the policy approved, appears here."],
};

const BOTH = ["declined_by_policy", "decided_otherwise"];

async function read(which, after, limit = 50) {
  const found = await get(path("decided-cases"), { which, limit, after });
  return { items: found.cases, next: found.next };
}

/** A page of both lists as one, the latest decision first. `after`: what was read of each and not shown, and its next. */
async function all(after) {
  const parts = await Promise.all(BOTH.map(async (which) => {
    const { items, next } = after?.[which] || { items: [], next: null };
    if (items.length || (after && !next)) return { items, next };
    return read(which, next);
  }));
  const shown = [];
  // Until one of them is to be read on: what comes next may be in it.
  while (parts.some((one) => one.items.length) && parts.every((one) => one.items.length || !one.next)) {
    const [first] = parts.filter((one) => one.items.length).sort((one, two) => Date.parse(two.items[0].decided_at) - Date.parse(one.items[0].decided_at));
    shown.push(first.items[0]);
    first.items = first.items.slice(1);
  }
  const isMore = parts.some((one) => one.items.length || one.next);
  return { items: shown, next: isMore ? Object.fromEntries(BOTH.map((which, at) => [which, parts[at]])) : null };
}

export function decidedPage(query) {
  let which = query.get("which") in LISTS ? query.get("which") : "all";
  let problem = null;
  const cases = new Listing((after) => (which === "all" ? all(after) : read(which, after)));
  const show = (one) => async () => {
    which = one;
    problem = null;
    history.replaceState(null, "", `#/decided?which=${one}`);
    await cases.restart().catch((failed) => { problem = failed; });
    draw();
  };
  return {
    title: "Decided cases",
    isList: true,
    load: () => cases.restart(),
    view: () => html`<h1 tabindex="-1">Decided cases</h1>
      <p class="lead">The latest decision comes first. What the policy declined by itself can be overturned on its page.</p>
      <div class="tabs" role="group" aria-label="Who decided, and how">${Object.entries(LISTS).map(([one, [words]]) => html`<button type="button" aria-pressed=${one === which} @click=${show(one)}>${words}</button>`)}</div>
      ${problem ? problemBox(problem, show(which)) : cases.items.length ? table(cases) : cases.empty(LISTS[which][1], LISTS[which][2])}`,
    freshen: () => cases.restart().then(draw),
  };
}

const table = (cases) => html`<div class="card flush"><table class="rows">
  <caption class="unseen">Decided cases</caption>
  <thead><tr><th scope="col">Case</th><th scope="col">Account</th><th scope="col">State</th><th scope="col" class="figure">Gives</th><th scope="col">Clause</th><th scope="col">Decided</th></tr></thead>
  <tbody>${cases.items.map(row)}</tbody></table></div>${cases.button()}`;

const gives = (one) => (one.money ? money(one.money) : one.credits ? credits(one.credits) : null);

const row = (one) => html`<tr>
  <th scope="row"><a class="row" href="#/cases/${one.case_id}">${reason(one.reason)}</a></th>
  <td data-label="Account"><span class="id">${one.account_id}</span></td>
  <td data-label="State">${badge(CASE_STATES[one.state])}</td>
  <td data-label="Gives" class="figure ${gives(one) ? "" : "none"}">${gives(one) || html`<span class="soft">–</span>`}</td>
  <td data-label="Clause">${one.clause ? CLAUSES[one.clause] || one.clause : html`<span class="soft">–</span>`}</td>
  <td data-label="Decided">${ago(one.decided_at)} <span class="soft">${one.decided_by ? html`by ${actor(one.decided_by).replace(/^The /, "the ")}` : nothing}</span></td></tr>`;
