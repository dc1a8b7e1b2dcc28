// What is above one person's limits, and waits for a second one.

import { html, nothing } from "./lit-html.js";
import { get, path, post } from "./api.js";
import { draftOf } from "./drafts.js";
import { ago, quantity } from "./format.js";
import { signedIn } from "./session.js";
import { accountLink, ask, askWhy, badge, card, draw, facts, Listing, say } from "./ui.js";
import { action } from "./words.js";

export function proposalsPage() {
  const proposals = new Listing(async (after) => {
    const found = await get(path("proposals"), { limit: 50, after });
    return { items: found.proposals, next: found.next };
  });
  const page = {
    title: "Second approval",
    isList: true,
    load: () => proposals.restart(),
    view: () => html`<h1 tabindex="-1">Second approval</h1>
      <p class="lead">Acts above what one person may do. A colleague of who proposed them confirms or rejects. Nothing has moved yet.</p>
      ${proposals.items.length ? html`<div class="stack">${proposals.items.map((one) => proposalCard(one, refresh))}</div>${proposals.button()}` : proposals.empty("Nothing waits", "What is above one person's limits appears here.")}`,
  };
  const refresh = () => proposals.restart().then(draw);
  return page;
}

/** A proposal with its two buttons. */
export function proposalCard(one, changed) {
  const isMine = one.proposed_by === signedIn()?.id;
  const address = (what) => path("accounts", one.account_id, "proposals", one.proposal_id, what);
  const confirm = () => ask({
    title: `${action(one.action)}?`,
    confirm: "Confirm",
    body: () => html`<p>You carry out what ${one.proposed_by} has proposed, with your name beside theirs.</p>${rows(one)}`,
    act: () => post(address("confirmation")),
    after: () => { say("Confirmed and carried out."); changed(); },
    onConflict: changed,
  });
  const rejection = `reject/${one.proposal_id}`;
  const reject = () => askWhy({
    draft: draftOf(rejection),
    title: "Reject this proposal?",
    confirm: "Reject",
    tone: "danger",
    act: (why) => post(address("rejection"), { why }),
    after: () => { say("Rejected. Nothing was moved."); changed(); },
    onConflict: changed,
  });
  return card(html`${action(one.action)} <span class="figure-big">${quantity(one.amount, one.unit)}</span>`, html`${rows(one, false)}
    <p class="soft small by">Proposed by <b>${isMine ? "you" : one.proposed_by}</b>, ${ago(one.proposed_at)} ${isMine ? badge(["Waits for a colleague", "warn"]) : nothing}</p>
        <div class="buttons"><button type="button" class="button" data-draft=${rejection} @click=${reject}>Reject…</button><button type="button" class="button accent" ?disabled=${isMine} @click=${confirm}>Confirm…</button></div>`, "proposal");
}

const rows = (one, hasAmount = true) => facts([
  ["Account", one.account_id.startsWith("inc_") ? "All whose runs failed in the incident" : accountLink(one.account_id)],
  ["About", one.subject.startsWith("case_") ? html`<a class="id" href="#/cases/${one.subject}">${one.subject}</a>` : html`<span class="id">${one.subject}</span>`],
  ["Amount", hasAmount ? quantity(one.amount, one.unit) : nothing],
  ["Reason", one.why],
]);
