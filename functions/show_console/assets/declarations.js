// Withdrawals and cancellations that came by the public pages, without a login, and reviews that customers asked for.

import { html, nothing } from "./lit-html.js";
import { get, path, post } from "./api.js";
import { draftOf } from "./drafts.js";
import { ago, day, time } from "./format.js";
import { historyCard } from "./history.js";
import { accountLink, askWhy, badge, card, crumbs, draw, empty, facts, field, problemBox, say, whyLink } from "./ui.js";
import { DECLARATION_STATES, REVIEW_CAUSES } from "./words.js";
import { due } from "./queue.js";

const LISTED = ["in_review", "matched", "confirmed", "approved"];
const KINDS = { withdrawal: "Withdrawal", cancellation: "Cancellation", review: "Request for a review" };
const APPROVERS = { link: "The customer, by the link", silence: "No objection within a day" };

export function declarationsPage() {
  let state = "in_review";
  let found = null;
  let problem = null;
  const load = async () => { found = await get(path("declarations"), { state, limit: 100 }); };
  const show = (chosen) => async () => {
    state = chosen;
    problem = null;
    found = null;
    draw();
    await load().catch((one) => { problem = one; });
    draw();
  };
  return {
    title: "Declarations",
    isList: true,
    load,
    view: () => html`<h1 tabindex="-1">Declarations</h1>
      <p class="lead">Withdrawals and cancellations that were sent without a login, and reviews that customers asked for. What is due first comes first.</p>
      <div class="tabs" role="group" aria-label="State">${LISTED.map((one) => html`<button type="button" aria-pressed=${one === state} @click=${show(one)}>${DECLARATION_STATES[one][0]}</button>`)}</div>
      ${problem ? problemBox(problem, show(state)) : !found ? html`<p class="soft" role="status">Loading…</p>` : found.declarations.length ? table(found) : empty("None in this state", "Declarations that are settled are not listed. Search for their reference number.")}`,
  };
}

const table = (found) => html`<div class="card flush"><table class="rows"><caption class="unseen">Declarations</caption>
  <thead><tr><th scope="col">Declaration</th><th scope="col">Name</th><th scope="col">Contract, as written</th><th scope="col">Why a person decides</th><th scope="col">Due</th></tr></thead>
  <tbody>${found.declarations.map((one) => html`<tr>
    <th scope="row"><a class="row" href="#/declarations/${encodeURIComponent(one.declaration_id)}">${KINDS[one.kind]}</a> <span class="soft id">${one.declaration_id}</span></th>
    <td data-label="Name">${one.name || one.account_id}</td><td data-label="Contract" class="wrap">${one.contract}</td>
    <td data-label="Why" class="soft">${one.review_cause ? REVIEW_CAUSES[one.review_cause] : "–"}</td>
    <td data-label="Due">${one.due_by ? due(one.due_by) : "–"}</td></tr>`)}</tbody></table></div>
  ${found.has_more ? html`<p class="soft">There are more. Settle these first.</p>` : nothing}`;

export function declarationPage(id) {
  let found = null;
  const page = {
    title: `Declaration ${id}`,
    load: async () => { found = await get(path("declarations", id)); },
    view: () => html`${crumbs(["declarations", "Declarations"], html`<span class="id">${id}</span>`)}
      <div class="head"><div><h1 tabindex="-1">${KINDS[found.kind]} by ${found.name || found.account_id}</h1><p class="lead">${found.contract}</p></div>
        <p class="badges">${badge(DECLARATION_STATES[found.state])} ${found.due_by && LISTED.includes(found.state) ? due(found.due_by) : nothing}</p></div>
      <div class="columns"><div>${card("The statement, word for word", html`<blockquote lang=${found.language}>${found.statement}</blockquote>
        <p class="soft small">Declared ${time(found.declared_at)}${found.confirmed_at ? html`, confirmed ${time(found.confirmed_at)}` : nothing}</p>`)}
        ${card("What is known", facts([
          ["E-mail, as given", found.email ? html`${found.email} <span class="soft">It may be a stranger's.</span>` : nothing],
          ["Account", found.account_id ? accountLink(found.account_id) : "Not found"],
          ["Purchase", found.purchase_id ? whyLink(found.purchase_id, found.account_id) : nothing],
          ["Subscription", found.subscription_id ? whyLink(found.subscription_id, found.account_id) : nothing],
          ["Receipt sent", found.acknowledged_at ? time(found.acknowledged_at) : "Not yet"],
          ["Mail to the address on file", found.noticed_at ? time(found.noticed_at) : nothing],
          ["Objection", found.objected_at ? time(found.objected_at) : nothing],
          ["Ends on", found.ends_on ? day(found.ends_on) : nothing],
          ["Approved by", found.approved_by ? APPROVERS[found.approved_by] || found.approved_by : nothing],
          ["Case", found.case_id ? html`<a class="id" href="#/cases/${found.case_id}">${found.case_id}</a>` : nothing],
          ["Sold by", found.reseller || nothing],
          ["Passed on", found.forwarded_at ? html`${ago(found.forwarded_at)} by ${found.forwarded_by}` : nothing],
          ["Closed by", found.closed_by],
          ["Reason", found.closing_reason],
        ]))}
        ${historyCard(found.history)}</div>
      <aside aria-label="Decision">${decision()}</aside></div>`,
  };
  const settled = (words) => async () => { say(words); await page.load(); draw(); };
  const decision = () => {
    if (found.state !== "in_review" && !(found.reseller && !found.forwarded_at)) return card("Decision", html`<p>${badge(DECLARATION_STATES[found.state])}</p><p class="soft">There is nothing for a person to do.</p>`);
    return card("Decide", html`${found.review_cause ? html`<p>${REVIEW_CAUSES[found.review_cause]}</p>` : nothing}
      <div class="buttons column">
        ${found.state === "in_review" ? found.kind === "review" ? html`<p>Lift the hold on the account's page, or decide the case again. Then answer.</p><button type="button" class="button accent wide" data-draft=${answering} @click=${answer}>Answer…</button>` : html`<button type="button" class="button accent wide" data-draft=${carrying} @click=${carryOut}>Carry it out…</button><button type="button" class="button wide" data-draft=${closing} @click=${close}>Close it…</button>` : nothing}
        ${found.reseller && !found.forwarded_at ? html`<button type="button" class="button wide" data-draft=${forwarding} @click=${forward}>I have passed it on to ${found.reseller}…</button>` : nothing}
      </div>`);
  };
  const again = () => page.load().then(draw);
  const [carrying, closing, answering, forwarding] = [`carry-out/${id}`, `close/${id}`, `answer/${id}`, `forward/${id}`];
  const carryOut = () => {
    const draft = draftOf(carrying, { account_id: found.account_id || "", purchase_id: found.purchase_id || "" });
    const named = draft.values;
    const isKnown = Boolean(found.purchase_id || found.subscription_id);
    const input = (name) => html`<input id=${name} ?required=${!isKnown} ?autofocus=${name === "account_id"} maxlength="200" autocomplete="off" spellcheck="false" .value=${named[name]} @input=${(event) => draft.write(name, event.target.value.trim())}>`;
    askWhy({
      draft,
      title: `Carry out this ${found.kind}?`,
      confirm: "Carry it out",
      intro: () => html`${found.kind === "withdrawal" ? "It becomes a refund case of this purchase." : "The renewals of this subscription are stopped."} Name the contract that the customer means. ${isKnown ? "Empty: the one that was found." : "None was found by what the customer wrote."}
        ${field("account_id", "Account", input("account_id"))}${field("purchase_id", "Purchase", input("purchase_id"))}`,
      act: (why) => post(path("declarations", id, "decision"), { outcome: "carry_out", account_id: named.account_id || undefined, purchase_id: named.purchase_id || undefined, why }),
      after: settled("It is carried out."),
      onConflict: again,
    });
  };
  const close = () => askWhy({ draft: draftOf(closing), title: "Close without carrying it out?", confirm: "Close it", tone: "danger", act: (why) => post(path("declarations", id, "decision"), { outcome: "close", why }), after: settled("Closed."), onConflict: again });
  const answer = () => askWhy({ draft: draftOf(answering), title: "Answer the customer?", label: "Answer", hint: "The customer gets it by mail, word for word. It is recorded with your name.", confirm: "Send the answer", act: (why) => post(path("declarations", id, "decision"), { outcome: "close", why }), after: settled("Answered."), onConflict: again });
  const forward = () => askWhy({ draft: draftOf(forwarding), title: `Passed on to ${found.reseller}?`, label: "How it was passed on", confirm: "Record it", intro: "Record it once you have done so, and say how. The law wants it on the same day.", act: (why) => post(path("declarations", id, "forwarding"), { why }), after: settled("Recorded."), onConflict: again });
  return page;
}
