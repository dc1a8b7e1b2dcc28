// Open a case in a customer's name, for a request that came by e-mail, letter, phone or chat.

import { html } from "./lit-html.js";
import { path, post } from "./api.js";
import { draftOf } from "./drafts.js";
import { ask, field } from "./ui.js";
import { REASONS } from "./words.js";

const CHANNELS = { email: "E-mail", letter: "Letter", phone: "Phone", chat: "Chat" };

const nameOf = (given) => `new-case/${given.account_id || ""}`;

export const openCaseButton = (given = {}) => html`<button type="button" class="button" data-draft=${nameOf(given)} @click=${() => askForCase(given)}>Open a case for a customer</button>`;

function askForCase(given) {
  const draft = draftOf(nameOf(given), { account_id: "", purchase_id: "", reason: "technical_problem", channel: "email", sent_at: "", message: "", ...given });
  const entered = draft.values;
  const write = (name) => (event) => draft.write(name, event.target.value);
  const text = (name, extra) => html`<input id=${name} required maxlength="200" autocomplete="off" spellcheck="false" .value=${entered[name]} @input=${write(name)} aria-describedby=${extra ? `${name}-hint` : ""}>`;
  const choice = (name, words) => html`<select id=${name} @change=${write(name)}>${Object.entries(words).map(([code, label]) => html`<option value=${code} ?selected=${entered[name] === code}>${label}</option>`)}</select>`;
  ask({
    draft,
    title: "Open a case for a customer",
    confirm: "Open the case",
    body: () => html`<p>The same rules and the same record apply as for a request by the customer.</p>
      ${field("account_id", "Account", text("account_id"))}
      ${field("purchase_id", "Purchase", text("purchase_id", true), "The payment, for example stripe:pi_123. Search finds it by its order, its invoice number, or its date and amount.")}
      <div class="pair">${field("reason", "Reason", choice("reason", REASONS))}${field("channel", "Received by", choice("channel", CHANNELS))}</div>
      ${field("sent_at", "When the customer wrote it", html`<input id="sent_at" type="datetime-local" required .value=${entered.sent_at} @input=${write("sent_at")} aria-describedby="sent_at-hint">`, "In your time zone. This time counts for every time limit.")}
      ${field("message", "What the customer wrote, word for word", html`<textarea id="message" rows="5" required maxlength="4000" .value=${entered.message} @input=${write("message")}></textarea>`)}`,
    act: () => post(path("refund-cases"), { ...entered, sent_at: new Date(entered.sent_at).toISOString() }, draft.key),
    after: (opened) => { location.hash = `#/cases/${opened.case_id}`; },
  });
}
