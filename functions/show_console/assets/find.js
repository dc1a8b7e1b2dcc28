// Search: from an e-mail address, an invoice number or any id to the account, the case, the declaration or the parked event. And by
// date and amount.

import { html, nothing } from "./lit-html.js";
import { get } from "./api.js";
import { ago, minorOf, money } from "./format.js";
import { badge, card, field, Listing } from "./ui.js";
import { rule } from "./words.js";

const PAGES = { account: "accounts", case: "cases", parked: "parked", declaration: "declarations", incident: "incidents", why: "why" };

export function findPage(_, query) {
  const text = query.get("q") || "";
  const asked = text ? { q: text } : { paid_on: query.get("paid_on"), amount_minor: query.get("amount_minor"), currency: query.get("currency") };
  const isAsked = Boolean(text || asked.paid_on);
  const results = new Listing(async (after) => {
    const found = await get("/support/search", { ...asked, after });
    return { items: found.results, next: found.next };
  });
  return {
    title: text ? `Search: ${text}` : "Search",
    isList: true,
    load: async () => { if (isAsked) await results.restart(); },
    view: () => html`<h1 tabindex="-1">Search</h1>
      ${isAsked ? html`<p class="lead">${results.items.length ? "Found for" : "Looked for"} <b class="id">${text || `${asked.paid_on}, ${money({ amount_minor: Number(asked.amount_minor), currency: asked.currency })}`}</b></p>` : nothing}
      ${isAsked ? (results.items.length ? html`<ul class="results card flush">${results.items.map(result)}</ul>${results.button()}` : results.empty("Nothing found", "Check the spelling. An id is written in full; an e-mail address is the one of the order, of a declaration, or the one that the provider has.")) : nothing}
      ${card("By date and amount", byAmount())}`,
  };
}

const result = (one) => html`<li><a class="row" href="#/${PAGES[one.go.page] || "why"}/${encodeURIComponent(one.go.id)}"><b>${one.summary}</b></a>
  <p class="soft small">${badge([rule(one.kind), "quiet"])} <span class="id">${one.id}</span>${one.account_id && one.account_id !== one.id ? html` · <span class="id">${one.account_id}</span>` : nothing}${one.matched && one.matched !== one.id ? html` · found by ${one.matched}` : nothing}${one.at ? html` · ${ago(one.at)}` : nothing}</p></li>`;

function byAmount() {
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const currency = form.get("currency").trim().toUpperCase();
    const minor = minorOf(form.get("amount"), currency);
    const input = event.target.elements.amount;
    input.setCustomValidity(minor === null ? "Write an amount, for example 19.99." : "");
    if (!event.target.reportValidity()) return;
    location.hash = `#/find?paid_on=${form.get("paid_on")}&amount_minor=${minor}&currency=${currency}`;
  };
  const clear = (event) => event.target.setCustomValidity("");
  return html`<form class="inline" @submit=${submit}>
    ${field("paid_on", "Paid on (UTC)", html`<input id="paid_on" name="paid_on" type="date" required>`)}
    ${field("amount", "Amount", html`<input id="amount" name="amount" inputmode="decimal" required autocomplete="off" @input=${clear}>`)}
    ${field("currency", "Currency", html`<input id="currency" name="currency" required pattern="[A-Za-z]{3}" maxlength="3" value="EUR" autocomplete="off">`)}
    <button type="submit" class="button">Search</button></form>`;
}
