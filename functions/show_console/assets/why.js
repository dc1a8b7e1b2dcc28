// Why: from any id the whole chain, and the balance explained entry by entry.

import { html, nothing } from "./lit-html.js";
import { get, path } from "./api.js";
import { accountLink, card, empty, field } from "./ui.js";
import { linesView } from "./account.js";

export function whyPage(id, query) {
  const account = query.get("account") || "";
  let found = null;
  return {
    title: id ? `Why: ${id}` : "Why?",
    load: async () => { if (id) found = await get(path("why", id), { account_id: account }); },
    view: () => html`<h1 tabindex="-1">Why?</h1>
      <p class="lead">${found ? html`Everything about <span class="id">${found.id}</span>${found.account_ids.length ? html`, of ${found.account_ids.map((one) => html`${accountLink(one)} `)}` : nothing}` : "From any id the whole chain: delivery, fact, entries, case, mail."}</p>
      ${found ? chain(found, account || found.account_ids[0]) : nothing}
      ${card("Explain an id", html`<form class="inline" @submit=${ask}>${field("about", "Event, entry, run, order, case, payment …", html`<input id="about" name="about" required maxlength="300" autocomplete="off" spellcheck="false" .value=${id || ""}>`)}<button type="submit" class="button">Explain</button></form>`)}`,
  };
}

function ask(event) {
  event.preventDefault();
  location.hash = `#/why/${encodeURIComponent(new FormData(event.target).get("about").trim())}`;
}

const chain = (found, account) => html`
  ${found.balance.length ? card("The balance", html`<ul class="reasons">${found.balance.map((one) => html`<li>${one}</li>`)}</ul>`) : nothing}
  ${card("The chain", found.lines.length ? html`${found.is_cut ? html`<p class="soft">There is more than one page holds. The newest are shown.</p>` : nothing}${linesView(found.lines, account)}` : empty("Nothing is known of it", "Check the spelling. An event of a known customer is found quickest from the customer's page."))}`;
