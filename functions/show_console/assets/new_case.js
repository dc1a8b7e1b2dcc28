// Open a case in a customer's name, for a request that came by e-mail, letter, phone or chat.

import { html, nothing } from "./lit-html.js";
import { get, path, post } from "./api.js";
import { draftOf } from "./drafts.js";
import { day, money } from "./format.js";
import { ask, draw, field, Listing, problemBox } from "./ui.js";
import { product, REASONS } from "./words.js";

const CHANNELS = { email: "E-mail", letter: "Letter", phone: "Phone", chat: "Chat" };

const nameOf = (given) => `new-case/${given.account_id || ""}`;

export const openCaseButton = (given = {}) => html`<button type="button" class="button" data-draft=${nameOf(given)} @click=${() => askForCase(given)}>Open a case for a customer</button>`;

function askForCase(given) {
  const draft = draftOf(nameOf(given), { account_id: "", purchase_id: "", reason: "technical_problem", channel: "email", sent_at: "", message: "", ...given });
  const entered = draft.values;
  const purchases = new Purchases(draft);
  const write = (name) => (event) => draft.write(name, event.target.value);
  const choice = (name, words) => html`<select id=${name} @change=${write(name)}>${Object.entries(words).map(([code, label]) => html`<option value=${code} ?selected=${entered[name] === code}>${label}</option>`)}</select>`;
  ask({
    draft,
    title: "Open a case for a customer",
    confirm: "Open the case",
    body: () => html`<p>The same rules and the same record apply as for a request by the customer.</p>
      ${field("account_id", "Account", html`<input id="account_id" required maxlength="200" autocomplete="off" spellcheck="false" .value=${entered.account_id} @input=${write("account_id")} @change=${() => purchases.read()}>`)}
      ${purchases.view()}
      <div class="pair">${field("reason", "Reason", choice("reason", REASONS))}${field("channel", "Received by", choice("channel", CHANNELS))}</div>
      ${field("sent_at", "When the customer wrote it", html`<input id="sent_at" type="datetime-local" required .value=${entered.sent_at} @input=${write("sent_at")} aria-describedby="sent_at-hint">`, "In your time zone. This time counts for every time limit.")}
      ${field("message", "What the customer wrote, word for word", html`<textarea id="message" rows="5" required maxlength="4000" .value=${entered.message} @input=${write("message")}></textarea>`)}`,
    act: () => post(path("refund-cases"), { ...entered, account_id: entered.account_id.trim(), sent_at: new Date(entered.sent_at).toISOString() }, draft.key),
    after: (opened) => { location.hash = `#/cases/${opened.case_id}`; },
  });
  purchases.read();
}

/** The purchases of the account that the form names, one of which is chosen. */
class Purchases {
  constructor(draft) {
    this.draft = draft;
    this.readFor = ""; // the account whose purchases are shown, or on their way
    this.list = null;
    this.isRead = false;
    this.problem = null;
  }

  /** Read the purchases of the account, unless they are shown already. */
  async read() {
    const account = this.draft.values.account_id.trim();
    if (account === this.readFor) return;
    const list = new Listing(async (after) => {
      const found = await get(path("accounts", account, "purchases"), { limit: 50, after });
      return { items: found.purchases, next: found.next };
    });
    Object.assign(this, { readFor: account, list, isRead: false, problem: null });
    draw();
    if (!account) return;
    const problem = await list.restart().then(() => null, (one) => one);
    if (this.list !== list) return; // another account was named meanwhile
    Object.assign(this, { isRead: true, problem });
    const { purchase_id: chosen } = this.draft.values;
    if (chosen && !problem && !list.next && !list.items.some((one) => one.purchase_id === chosen)) this.draft.write("purchase_id", "");
    draw();
  }

  view() {
    const chosen = this.draft.values.purchase_id;
    const items = this.list?.items || [];
    const isOlder = chosen && !items.some((one) => one.purchase_id === chosen); // or not read yet
    const choose = (event) => { this.draft.write("purchase_id", event.target.value); draw(); };
    const again = () => { this.readFor = ""; this.read(); };
    return html`${field("purchase_id", "Purchase", html`<select id="purchase_id" required aria-describedby="purchase_id-hint" @change=${choose}>
        <option value="" .selected=${!chosen}>${items.length ? "Choose one" : "–"}</option>
        ${isOlder ? html`<option value=${chosen} .selected=${true}>${chosen}</option>` : nothing}
        ${items.map((one) => html`<option value=${one.purchase_id} .selected=${one.purchase_id === chosen}>${words(one)}</option>`)}</select>`, this.#hint(items))}
      ${this.problem ? problemBox(this.problem, again) : nothing}${this.list ? this.list.button() : nothing}`;
  }

  #hint(items) {
    if (!this.readFor) return "Name the account first: its purchases are listed here.";
    if (!this.isRead) return "Reading the purchases…";
    if (this.problem) return "The purchases could not be read.";
    const one = items.find(({ purchase_id: id }) => id === this.draft.values.purchase_id);
    if (one) return html`<span class="id">${one.purchase_id}</span>${one.invoice_number ? html`, invoice <span class="id">${one.invoice_number}</span>` : nothing}. ${money(one.refundable)} could still go back.`;
    return items.length || this.list.next ? "The newest comes first." : "No purchase of this account is known.";
  }
}

const words = (one) => `${day(one.paid_at)} · ${money(one.paid)} · ${one.lines.map((line) => product(line.product_id)).join(", ") || "no product"}`;
