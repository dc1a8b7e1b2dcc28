// What a customer was shown with an order, and agreed to.

import { html, nothing } from "./lit-html.js";
import { day, money, time } from "./format.js";
import { card, facts } from "./ui.js";
import { product } from "./words.js";

const every = (months) => (months === 1 ? "every month" : months === 12 ? "every year" : `every ${months} months`);

/** The rows of a list of facts: what the page of the order showed, and the consent to renewals apart from the other one. */
export const agreedRows = (one) => [
  ["Shown", one.shown ? html`<p>Text ${one.shown.text_version}, in ${one.shown.language}, ${time(one.shown.at)}.</p>
    <p>${one.shown.button_label ? html`The button said “${one.shown.button_label}”.` : "The words on the button are not recorded."}${one.shown.total ? html` The price was ${money(one.shown.total)}, tax included.` : nothing}</p>` : "Nothing is recorded"],
  ["Renewal terms", one.shown && one.shown.renewal ? html`${money(one.shown.renewal.amount)} ${every(one.shown.renewal.every_months)}, tax included, first on ${day(one.shown.renewal.first_on)}` : one.is_plan ? "Not recorded" : nothing],
  ["Consent to the renewal", one.renewal_consent ? html`<p>Given ${time(one.renewal_consent.given_at)}, text ${one.renewal_consent.text_version}:</p><blockquote>${one.renewal_consent.words}</blockquote>` : one.is_plan ? "None is recorded" : nothing],
];

/** The newest order, and the others below it, each closed. */
export const ordersCard = (orders) => (orders.length ? card("Orders that were paid", orders.map((one, place) => (place ? html`<details><summary>${product(one.product_id)}, ${day(one.placed_at)}</summary>${order(one)}</details>` : order(one)))) : nothing);

const order = (one) => facts([
  ["Order", html`<span class="id">${one.order_id}</span>`],
  ["Placed", time(one.placed_at)],
  ["Product", html`${product(one.product_id)}, ${money(one.price)} <span class="soft">before tax and discount</span>`],
  ...agreedRows(one),
]);
