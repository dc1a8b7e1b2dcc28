// The decision about a case. What the customer will read is shown before it goes out.

import { html, nothing } from "./lit-html.js";
import { path, post } from "./api.js";
import { draftOf } from "./drafts.js";
import { credits, decimal, minorOf, money } from "./format.js";
import { ask, badge, card, draw, field } from "./ui.js";
import { actor, CASE_STATES, CLAUSES, outcome } from "./words.js";

const CHOICES = ["approve", "replace", "decline"];
const WORDS_MOST = 500; // the API's limits
const LINES_MOST = 10;

/** Whether a person overturns what the policy declined. */
const isOverturn = (found) => found.state === "declined" && (found.can_overturn ?? found.decided_by === "policy");

/** What the form starts with: the policy's recommendation, or what was written before and not answered. */
export function newDecision(found) {
  const recommended = found.recommended_outcome || found.recommended.outcome;
  const amount = found.recommended_money || found.facts.refundable;
  const draft = draftOf(`decide/${found.case_id}`, {
    outcome: CHOICES.includes(recommended) && found.state === "in_review" ? recommended : "",
    amount: decimal(amount.amount_minor, amount.currency),
    credits: String(found.recommended_credits || found.facts.failed_credits || ""),
    clause: found.recommended.clause in CLAUSES ? found.recommended.clause : "6",
    words: "",
    agreement: "",
    takesCredits: found.recommended.takes_credits ?? true,
    endsSubscription: found.recommended.ends_subscription,
    isOpen: false,
  });
  if (found.state !== "in_review" && !isOverturn(found)) draft.drop(); // it is decided
  return { ...draft.values, draft, errors: {} };
}

export function decideForm(found, decision, on) {
  const isOfPolicy = isOverturn(found);
  const write = (name, value) => { decision[name] = value; decision.draft.write(name, value); draw(); };
  if (found.state !== "in_review" && !isOfPolicy) return settled(found);
  if (isOfPolicy && !decision.isOpen) {
    return card("Decision", html`<p>${badge(CASE_STATES.declined)} The policy declined this automatically. A person can approve it all the same.</p>
      <ul class="reasons">${found.decision.reasons.map((one) => html`<li>${one}</li>`)}</ul>
      <button type="button" class="button" id="overturn" @click=${() => { write("isOpen", true); document.getElementById("outcome-approve")?.focus(); }}>Overturn</button>`);
  }
  const choices = isOfPolicy ? CHOICES.slice(0, 2) : CHOICES;
  const set = (name) => (event) => write(name, event.target.type === "checkbox" ? event.target.checked : event.target.value);
  const wrong = (name) => (decision.errors[name] ? html`<p class="wrong" id="${name}-wrong">${decision.errors[name]}</p>` : nothing);
  const describedBy = (name) => (decision.errors[name] ? `${name}-wrong` : nothing);
  const { currency } = found.facts.paid;
  const cancel = () => {
    decision.draft.drop();
    Object.assign(decision, newDecision(found));
    draw();
    document.getElementById("overturn")?.focus();
  };
  const escape = (event) => { if (isOfPolicy && event.key === "Escape") cancel(); };
  return card(isOfPolicy ? "Overturn the decline" : "Decide", html`<form novalidate @keydown=${escape} @submit=${(event) => { event.preventDefault(); preview(found, decision, on); }}>
    <fieldset><legend>Outcome</legend><div class="choices">${choices.map((one) => html`<label class="choice"><input type="radio" name="outcome" id="outcome-${one}" value=${one} .checked=${decision.outcome === one} aria-describedby=${describedBy("outcome")} @change=${set("outcome")}> ${outcome(one)}</label>`)}</div>${wrong("outcome")}</fieldset>
    ${decision.outcome === "approve" ? html`
      ${field("amount", `Amount in ${currency}`, html`<input id="amount" inputmode="decimal" autocomplete="off" .value=${decision.amount} aria-invalid=${Boolean(decision.errors.amount)} aria-describedby=${describedBy("amount")} @input=${set("amount")}>${wrong("amount")}`, `At most ${money(found.facts.refundable)}.`)}
      <label class="check"><input type="checkbox" id="takes" .checked=${decision.takesCredits} @change=${set("takesCredits")}> Take the credits of the refund back</label>
      ${found.purchase.subscription_id ? html`<label class="check"><input type="checkbox" id="ends" .checked=${decision.endsSubscription} @change=${set("endsSubscription")}> Stop the subscription's renewals</label>` : nothing}` : nothing}
    ${decision.outcome === "replace" ? field("credits", "Credits to give", html`<input id="credits" inputmode="numeric" autocomplete="off" .value=${decision.credits} aria-invalid=${Boolean(decision.errors.credits)} aria-describedby=${describedBy("credits")} @input=${set("credits")}>${wrong("credits")}`) : nothing}
    ${decision.outcome === "replace" && found.is_withdrawal ? field("agreement", "How the customer agreed to credits instead of money", html`<input id="agreement" maxlength=${WORDS_MOST} autocomplete="off" .value=${decision.agreement} aria-invalid=${Boolean(decision.errors.agreement)} aria-describedby=${decision.errors.agreement ? "agreement-wrong" : "agreement-hint"} @input=${set("agreement")}>${wrong("agreement")}`, "The law returns the money of a withdrawal as it was paid, unless the customer expressly agrees. Recorded; the customer does not see it.") : nothing}
    ${field("clause", "Section of the policy", html`<select id="clause" @change=${set("clause")}>${Object.entries(CLAUSES).map(([one, words]) => html`<option value=${one} ?selected=${decision.clause === one}>${words}</option>`)}</select>`)}
    ${field("words", "Words for the customer", html`<textarea id="words" rows="5" .value=${decision.words} aria-invalid=${Boolean(decision.errors.words)} aria-describedby=${decision.errors.words ? "words-wrong" : "words-hint"} @input=${set("words")}></textarea>${wrong("words")}`, "The customer reads them in the mail and on the case's page. Each line is a paragraph.")}
    <button type="submit" class="button accent wide">Preview</button>
    ${isOfPolicy ? html`<button type="button" class="button wide" @click=${cancel}>Cancel</button>` : nothing}
  </form>`, "decide");
}

function settled(found) {
  return card("Decision", html`<p>${badge(CASE_STATES[found.state])} ${found.words}</p>
    ${found.decision ? html`<p class="verdict"><b>${outcome(found.decision.outcome)}</b>${found.decision.money ? html` of <b>${money(found.decision.money)}</b>` : nothing}${found.decision.credits ? html` of <b>${credits(found.decision.credits)}</b>` : nothing}
      <span class="soft">· ${CLAUSES[found.decision.clause] || `clause ${found.decision.clause}`}${found.decided_by ? ` · by ${actor(found.decided_by).replace(/^The /, "the ")}` : ""}</span></p>
      <ul class="reasons">${found.decision.reasons.map((one) => html`<li>${one}</li>`)}</ul>` : nothing}
    ${found.agreement ? html`<p class="soft">The customer agreed to credits instead of money: ${found.agreement}</p>` : nothing}`);
}

/** Check the form. Return the request, or null with the errors beside their fields. */
function checked(found, decision) {
  const errors = {};
  const lines = decision.words.split("\n").map((one) => one.trim()).filter(Boolean);
  const request = { outcome: decision.outcome, words: lines, clause: decision.clause };
  if (!decision.outcome) errors.outcome = "Choose an outcome.";
  if (!lines.length) errors.words = "Write at least one sentence.";
  else if (lines.length > LINES_MOST) errors.words = `At most ${LINES_MOST} paragraphs.`;
  else if (lines.some((one) => one.length > WORDS_MOST)) errors.words = `At most ${WORDS_MOST} characters in a paragraph.`;
  if (decision.outcome === "approve") {
    const minor = minorOf(decision.amount, found.facts.paid.currency);
    if (!minor) errors.amount = "Write an amount, for example 9.50.";
    else if (minor > found.facts.refundable.amount_minor) errors.amount = `At most ${money(found.facts.refundable)} can be refunded.`;
    Object.assign(request, { money_minor: minor, takes_credits: decision.takesCredits, ends_subscription: Boolean(decision.endsSubscription) });
  }
  if (decision.outcome === "replace") {
    if (!/^[1-9]\d{0,6}$/.test(decision.credits.trim())) errors.credits = "Write a whole number of credits.";
    request.credits = Number(decision.credits.trim());
    if (found.is_withdrawal && !decision.agreement.trim()) errors.agreement = "Write how and when the customer agreed.";
    else if (found.is_withdrawal) request.agreement = decision.agreement.trim();
  }
  decision.errors = errors;
  return Object.keys(errors).length ? null : request;
}

function preview(found, decision, on) {
  const request = checked(found, decision);
  draw();
  if (!request) {
    const [first] = Object.keys(decision.errors);
    document.getElementById(first === "outcome" ? "outcome-approve" : first)?.focus();
    return;
  }
  const amount = { amount_minor: request.money_minor, currency: found.facts.paid.currency };
  const what = { approve: `Refund ${money(amount)}`, replace: `Give ${credits(request.credits || 0)}`, decline: "Decline" }[request.outcome];
  const effects = {
    approve: [
      `${money(amount)} goes back to the customer at ${found.purchase.provider === "paddle" ? "Paddle" : "Stripe"}. A refund that was sent can't be taken back.`,
      request.takes_credits ? "The credits of the refund are taken back." : "The customer keeps all credits.",
      request.ends_subscription ? "The subscription does not renew again." : null,
    ],
    replace: [`The account gets ${credits(request.credits || 0)}. No money goes back.`],
    decline: ["No money and no credits go back."],
  }[request.outcome].filter(Boolean);
  ask({
    draft: decision.draft,
    title: `${what}?`,
    confirm: what,
    tone: request.outcome === "decline" ? "danger" : "accent",
    body: () => html`<h3>What happens</h3><ul>${effects.map((one) => html`<li>${one}</li>`)}</ul>
      <h3>What the customer reads</h3>
      <div class="mail"><p class="soft small">To ${found.email || "the customer"} · case ${found.case_id}</p>
        ${request.words.map((one) => html`<p>${one}</p>`)}
        <p class="soft">A person has decided this, on section ${request.clause} of the Refund &amp; Cancellation Policy.</p></div>`,
    act: () => post(path("refund-cases", found.case_id, "decision"), request, decision.draft.key),
    after: on.decided,
    onConflict: on.reload,
  });
}
