// A case on one page: what the customer wrote, what was bought, what the policy says and why, and the decision.

import { html, nothing } from "./lit-html.js";
import { get, path, post, remove } from "./api.js";
import { ago, credits, day, money, number, signed, time } from "./format.js";
import { accountLink, askWhy, badge, card, crumbs, draw, facts, say, whyLink } from "./ui.js";
import { draftOf } from "./drafts.js";
import { actor, CASE_STATES, CLAUSES, entryKind, outcome, product, provider, reason, rule } from "./words.js";
import { decideForm, newDecision } from "./decide.js";
import { due } from "./queue.js";
import { proposalCard } from "./proposals.js";

const CLAIM_EVERY_MS = 4 * 60 * 1000; // a claim lapses after 10 minutes

export function casePage(id) {
  let found = null;
  let decision = null;
  let isStale = false;
  let claim = null;
  let timer = 0;

  const load = async () => {
    found = await get(path("refund-cases", id));
    decision = newDecision(found);
    isStale = false;
    page.title = `${reason(found.reason)} · ${found.account_id}`;
    if (found.state === "in_review") holdOpen();
  };

  /** Say to colleagues that this case is open here. It blocks nothing. */
  const holdOpen = async () => {
    clearInterval(timer);
    const send = async () => { claim = await post(path("refund-cases", id, "claim")).catch(() => null); draw(); };
    timer = setInterval(send, CLAIM_EVERY_MS);
    await send();
  };

  const reload = () => load().then(draw, (problem) => { page.phase = "failed"; page.problem = problem; draw(); });

  const page = {
    title: "Case",
    load,
    leave() {
      clearInterval(timer);
      if (claim?.is_yours) remove(path("refund-cases", id, "claim")).catch(() => {});
    },
    /** Look whether a colleague has changed the case since it was read. What is being written stays. */
    async freshen() {
      const now = await get(path("refund-cases", id)).catch(() => null);
      isStale = Boolean(now && found && (now.state !== found.state || now.history.length !== found.history.length));
      draw();
    },
    view: () => html`
      ${crumbs(UNDECIDED.includes(found.state) ? ["queue", "Review queue"] : ["decided", "Decided cases"], html`<span class="id">${found.case_id}</span>`)}
      <div class="head"><div><h1 tabindex="-1">${reason(found.reason)}</h1>
        <p class="lead">${money(found.facts.paid)} · ${found.purchase.lines.map((one) => product(one.product_id)).join(", ")} · ${accountLink(found.account_id)}</p></div>
        <p class="badges">${badge(CASE_STATES[found.state])} ${found.is_priority ? badge(["Wrote before the dispute", "warn"]) : nothing} ${found.facts.is_disputed ? badge(["Open dispute", "bad"]) : nothing} ${found.due_by && UNDECIDED.includes(found.state) ? due(found.due_by) : nothing}</p></div>
      ${isStale ? html`<div class="notice" role="alert"><p>This case has changed since you opened it.</p><button type="button" class="button" @click=${reload}>Show the current state</button></div>` : nothing}
      ${claim && !claim.is_yours ? html`<div class="notice"><p><b>${claim.claimed_by}</b> has this case open as well.</p></div>` : nothing}
      <div class="columns"><div>${statement(found)}${explanation(found)}</div><aside aria-label="Decision and purchase">
        ${(found.proposals || []).map((one) => proposalCard(one, reload))}
        ${decideForm(found, decision, { reload, decided: (now) => { if (now) { found = now; decision = newDecision(found); say("Decided. The customer gets a mail."); } else reload(); } })}
        ${purchase(found, reload)}${request(found)}
      </aside><div>${usage(found)}${history(found)}</div></div>`,
  };
  return page;
}

const statement = (found) => card("What the customer wrote", html`
  ${found.message ? html`<blockquote>${found.message}</blockquote>` : html`<p class="soft">Nothing was written.</p>`}
  <p class="soft small">${found.opened_by === "support" ? `Opened by support, received by ${found.channel || "another way"}` : "By the customer"}, ${time(found.sent_at || found.opened_at)}</p>
  ${found.error_messages.length ? html`<h3>Error messages</h3><ul class="plain-list">${found.error_messages.map((one) => html`<li><code>${one}</code></li>`)}</ul>` : nothing}
  ${found.mismatches.length ? html`<h3>What does not match the ledger</h3><ul>${found.mismatches.map((one) => html`<li>${one}</li>`)}</ul>` : nothing}
  ${found.evidence.length ? html`<h3>Files</h3><ul class="plain-list">${found.evidence.map((one, at) => html`<li>${found.evidence_urls[at] ? html`<a href=${safe(found.evidence_urls[at])} target="_blank" rel="noopener noreferrer">${one}</a>` : one}</li>`)}</ul>` : nothing}`);

/** Only addresses of the web are followed: a file's address is data. */
const safe = (address) => (/^https?:\/\//i.test(address) ? address : "#");

const UNDECIDED = ["declared", "requested", "in_review"];
const IS_PAID_BACK = ["approved", "issued", "refunded"]; // the contract's money goes back: nothing is left to inform of

/** What the policy says now; of a decided case: what it said then, which is on record. */
const explanation = (found) => (UNDECIDED.includes(found.state) ? card("What the policy says", html`
  <p class="verdict">${found.recommended_outcome
    ? html`It recommends: <b>${found.recommended_outcome === "replace" ? "Replace" : outcome(found.recommended_outcome)}</b>${figure(found)}`
    : html`Its decision now: <b>${outcome(found.recommended.outcome)}</b>`} <span class="soft">${section(found)}</span></p>
  <ul class="reasons">${found.recommended.reasons.map((one) => html`<li>${one}</li>`)}</ul>
  ${byRule(found)}`) : card("What the policy said", html`
  <p class="verdict">${found.decided_by !== "policy"
    ? found.recommended_outcome ? html`It recommended: <b>${outcome(found.recommended_outcome)}</b>` : "It left the decision to a person."
    : html`It decided: <b>${outcome(found.recommended.outcome)}</b>${found.recommended.money ? html` of <b>${money(found.recommended.money)}</b>` : nothing} <span class="soft">${section(found)}</span>`}</p>
  ${found.decided_by === "policy" ? html`<ul class="reasons">${found.recommended.reasons.map((one) => html`<li>${one}</li>`)}</ul>` : nothing}
  ${byRule(found)}`));

const section = (found) => `· ${CLAUSES[found.recommended.clause] || `clause ${found.recommended.clause}`} · version ${found.recommended.policy_version}`;

const byRule = (found) => (found.explanation.length ? html`<details><summary>Rule by rule</summary><ol class="rules">${found.explanation.map((one) => html`<li class=${one.spoke ? "spoke" : ""}><b>${rule(one.rule)}</b> ${one.spoke ? badge(["Decided", "accent"]) : nothing}<span>${one.why}</span></li>`)}</ol></details>` : nothing);

function figure(found) {
  const given = found.recommended_credits ? html`<b>${credits(found.recommended_credits)}</b>` : nothing;
  const back = found.recommended_money ? html`<b>${money(found.recommended_money)}</b>` : nothing;
  if (found.recommended_outcome === "replace") return html` with ${given}${back === nothing ? nothing : html`, or a refund of ${back}`}`;
  return back === nothing ? nothing : html` of ${back}`;
}

const SHOWN = 8; // entries, until all are asked for

const usage = (found) => card("Credits since the payment", found.usage_since.length ? html`<table class="rows compact">
  <caption class="unseen">Entries since the payment, newest first</caption>
  <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col" class="figure">Credits</th><th scope="col" class="figure">Balance</th></tr></thead>
  <tbody>${(found.areAllShown ? found.usage_since : found.usage_since.slice(0, SHOWN)).map((one) => html`<tr><td data-label="When">${time(one.occurred_at)}</td><td data-label="What">${entryKind(one.kind)} ${one.cause ? html`<span class="soft id">${one.cause}</span>` : nothing}</td>
    <td data-label="Credits" class="figure">${signed(one.credits)}</td><td data-label="Balance" class="figure">${number(one.balance_after)}</td></tr>`)}</tbody></table>
  ${found.usage_since.length > SHOWN && !found.areAllShown ? html`<p class="more"><button type="button" class="plain" @click=${() => { found.areAllShown = true; draw(); }}>Show all ${number(found.usage_since.length)}</button></p>` : nothing}` : html`<p class="soft">None were used.</p>`, "flush-body");

const history = (found) => card("What happened", found.history.length ? html`<ol class="timeline">${[...found.history].reverse().map((one) => html`<li>
  <p>${badge(CASE_STATES[one.to_state])} ${one.cause}</p><p class="soft small">${actor(one.actor)} · ${time(one.at)}</p></li>`)}</ol>` : html`<p class="soft">Nothing yet.</p>`);

/** Mail the information that the order did not show: 14 days run from its sending, instead of 12 months more. */
function informButton(found, reload) {
  const name = `inform/${found.purchase.order_id}`;
  const inform = () => askWhy({
    draft: draftOf(name),
    title: "Inform the buyer now?",
    confirm: "Send the mail",
    intro: "Nothing shows that the buyer was informed of the right to withdraw. A mail does it now: 14 days run from its sending. If it comes back, the longer time counts again.",
    act: (reason) => post(path("accounts", found.account_id, "orders", found.purchase.order_id, "information"), { why: reason }),
    after: (done) => { if (done) say(done.changed ? "The mail is listed. The days run once it is sent." : "A mail was asked for already."); reload(); },
    onConflict: reload,
  });
  return html`<p><button type="button" class="button" data-draft=${name} @click=${inform}>Inform of the right to withdraw…</button></p>`;
}

const purchase = (found, reload) => card("Purchase", html`${facts([
  ["Paid", money(found.facts.paid)],
  ["Refunded", found.facts.refunded.amount_minor ? money(found.facts.refunded) : nothing],
  ["Can be refunded", money(found.facts.refundable)],
  ["Paid at", time(found.facts.paid_at)],
  ["Provider", provider(found.purchase.provider)],
  ["Credits", `${number(found.facts.credits_used)} of ${number(found.facts.credits_granted)} used`],
  ["Failed runs", found.facts.failed_runs ? `${number(found.facts.failed_runs)}, of ${credits(found.facts.failed_credits)}` : "None"],
  ["Of them replaced", found.facts.replaced_runs ? `${number(found.facts.replaced_runs)}, of ${credits(found.facts.replaced_credits)}` : nothing],
  ["Kind", found.facts.is_renewal ? "A renewal" : found.facts.is_subscription ? "A subscription's first payment" : "A pack"],
  ["Country", found.facts.country],
  ["Bought as", found.facts.is_business === null ? nothing : found.facts.is_business ? "A business" : "A consumer"],
  ["Informed of the right to withdraw", found.facts.informed_at ? time(found.facts.informed_at) : found.facts.can_be_informed ? "Not on record" : nothing],
  ["Payment", whyLink(found.purchase_id, found.account_id)],
  ["Order", found.purchase.order_id ? whyLink(found.purchase.order_id, found.account_id) : nothing],
  ["Invoice", found.purchase.invoice_number],
  ["Subscription", found.purchase.subscription_id ? whyLink(found.purchase.subscription_id, found.account_id) : nothing],
])}
  ${found.purchase_facts?.length ? html`<h3>What is on record of this payment</h3><ul>${found.purchase_facts.map((one) => html`<li>${one.replace(`${found.purchase_id}: `, "").replace(/^./, (first) => first.toUpperCase())}</li>`)}</ul>` : nothing}
  ${found.duplicates?.length || found.facts.similar.length ? html`<h3>${found.facts.is_duplicate ? "Duplicates" : "Similar payments"}</h3><ul class="plain-list">${found.duplicates?.length
    ? found.duplicates.map((one) => html`<li>${whyLink(one.purchase_id, found.account_id)} ${money(one.paid)} <span class="soft">${ago(one.at)}</span></li>`)
    : found.facts.similar.map((one) => html`<li>${whyLink(one, found.account_id)}</li>`)}</ul>` : nothing}
  ${found.facts.can_be_informed && !IS_PAID_BACK.includes(found.state) ? informButton(found, reload) : nothing}
  ${found.facts.is_disputed ? html`<p><a class="button" href="#/evidence/${encodeURIComponent(found.account_id)}">Evidence for the bank</a></p>` : nothing}`);

const request = (found) => card("Request", facts([
  ["Opened", time(found.opened_at)],
  ["E-mail", found.email],
  ["Charged on", found.charged_on ? day(found.charged_on) : nothing],
  ["Reference", found.reference],
  ["Happened at", found.happened_at ? time(found.happened_at) : nothing],
  [found.decision?.outcome === "review" ? "Sent to review by" : "Decided by", found.decided_by ? actor(found.decided_by) : nothing],
  [found.decision?.outcome === "review" ? "Sent to review at" : "Decided at", found.decided_at ? time(found.decided_at) : nothing],
  ["Decides itself at", found.decide_at ? time(found.decide_at) : nothing],
  ["Case of the contract", found.contract_case_id ? html`<a class="id" href="#/cases/${found.contract_case_id}">${found.contract_case_id}</a>` : nothing],
]));
