// Parked events: genuine, stored, and not booked yet. What would release each, and what a person can do about it.

import { html, nothing } from "./lit-html.js";
import { get, path, post } from "./api.js";
import { draftOf } from "./drafts.js";
import { ago, time } from "./format.js";
import { historyCard } from "./history.js";
import { accountLink, askWhy, badge, card, draw, empty, facts, field, link, Listing, say, whyLink } from "./ui.js";
import { named, provider } from "./words.js";

const OUTCOMES = {
  booked: ["It is booked.", "good"],
  already_booked: ["It was booked already.", "good"],
  waiting: ["It is stored, and waits for its payment.", "accent"],
  noted: ["It is noted. Nothing is booked.", "good"],
  parked: ["It is still parked.", "bad"],
  ignored: ["It is of a kind that is not handled.", "accent"],
};

const STATES = { parked: ["Parked", "warn"], booked: ["Booked", "good"], already_booked: ["Booked", "good"], waiting: ["Waits for its payment", "accent"], noted: ["Noted", "quiet"] };

const LACKS_ACCOUNT = ["no_account", "ambiguous_account"]; // the reasons that a person's word about the account ends

export function parkedPage() {
  const events = new Listing(async (after) => {
    const found = await get(path("parked"), { limit: 50, after });
    return { items: found.parked, next: found.next };
  });
  return {
    title: "Parked events",
    load: () => events.restart(),
    view: () => html`<h1 tabindex="-1">Parked events</h1>
      <p class="lead">Events of the providers that could not be booked as they came. Nothing of them is lost. The oldest comes first.</p>
      ${events.items.length ? table(events) : empty("Nothing is parked", "Every event that came is booked.")}`,
  };
}

const table = (events) => html`<div class="card flush"><table class="rows"><caption class="unseen">Parked events</caption>
  <thead><tr><th scope="col">Event</th><th scope="col">Why it is parked</th><th scope="col">What releases it</th><th scope="col">Received</th></tr></thead>
  <tbody>${events.items.map((one) => html`<tr>
    <th scope="row"><a class="row id" href="#/parked/${encodeURIComponent(one.parked_id)}">${one.event_type}</a> <span class="soft">${provider(one.provider)}</span></th>
    <td data-label="Why">${named(one.reason)}${one.detail ? html` <span class="soft small">${one.detail}</span>` : nothing}</td>
    <td data-label="Released by" class="soft small">${one.released_by}</td>
    <td data-label="Received">${ago(one.received_at)}</td></tr>`)}</tbody></table></div>${events.button()}`;

export function parkedEventPage(id) {
  let found = null;
  const address = (...parts) => path("parked", id, ...parts);
  const load = async () => { found = await get(address()); };
  const settle = async (done) => {
    if (done) {
      const [words, tone] = OUTCOMES[done.outcome] || [named(done.outcome), "accent"];
      say(done.reason ? `${words} ${named(done.reason)}${done.detail ? `: ${done.detail}` : ""}` : words, tone);
    }
    await load();
    draw();
  };
  const [attribution, dismissal, another] = [`attribute/${id}`, `dismiss/${id}`, `replay/${id}`];
  const attribute = () => {
    const draft = draftOf(attribution, { account: "" });
    askWhy({
      draft,
      title: "Whose event is it?",
      confirm: "Attribute it",
      intro: () => html`<p>It is booked for this account, as if it had named it.</p>${field("account", "Account", html`<input id="account" required maxlength="200" autocomplete="off" spellcheck="false" .value=${draft.values.account} @input=${(event) => draft.write("account", event.target.value.trim())}>`)}`,
      act: (why) => post(address("attribution"), { account_id: draft.values.account, why }),
      after: settle,
    });
  };
  const replay = () => {
    const draft = draftOf(another);
    askWhy({
      draft,
      title: "Try again to book it?",
      confirm: "Try again",
      intro: "It is read once more, with the catalogue and the facts of now. If it still can't be booked, it stays as it is.",
      act: (why) => post(address("replay"), { why }, draft.key),
      after: settle,
    });
  };
  const dismiss = () => askWhy({ draft: draftOf(dismissal), title: "Dismiss this event?", confirm: "Dismiss it", tone: "danger", intro: "It is not booked, and is not listed any more. Its receipt stays.", act: (why) => post(address("dismissal"), { why }), after: settle });
  return {
    title: "Parked event",
    load,
    view: () => html`<p class="crumbs">${link("parked", "Parked events")} <span aria-hidden="true">/</span> <span class="id">${id}</span></p>
      <div class="head"><div><h1 tabindex="-1" class="id">${found.event_type}</h1><p class="lead">${found.reason ? `${named(found.reason)}${found.detail ? `: ${found.detail}` : ""}` : found.detail || (OUTCOMES[found.outcome] || [named(found.outcome)])[0]}</p></div>
        <p class="badges">${badge(STATES[found.outcome] || [named(found.outcome), "accent"])}</p></div>
      <div class="columns"><div>
        ${found.reason ? card("What would release it", html`<p>${found.released_by}</p>`) : nothing}
        ${historyCard(found.history)}
        ${found.body ? card("The provider's event", html`<pre tabindex="0">${JSON.stringify(found.body, null, 2)}</pre>`) : nothing}
      </div><aside aria-label="Acts and facts">
        ${!found.reason ? card("What became of it", html`<p>${(OUTCOMES[found.outcome] || [named(found.outcome)])[0]}</p>${found.account_id ? html`<p>${accountLink(found.account_id)}</p>` : nothing}`) : card("Act", html`<div class="buttons column">
          ${LACKS_ACCOUNT.includes(found.reason) ? html`<button type="button" class="button accent wide" data-draft=${attribution} @click=${attribute}>Say whose it is…</button>` : nothing}
          <button type="button" class="button wide" data-draft=${another} @click=${replay}>Try again…</button>
          <button type="button" class="button wide" data-draft=${dismissal} @click=${dismiss}>Dismiss…</button></div>`)}
        ${card("Facts", facts([
          ["Provider", provider(found.provider)],
          ["Event", whyLink(found.event_id)],
          ["Kind", found.kind ? html`<span class="id">${found.kind}</span>` : nothing],
          ["Customer", found.customer_id ? whyLink(found.customer_id) : nothing],
          ["Happened", time(found.occurred_at)],
          ["Received", time(found.received_at)],
        ]))}
      </aside></div>`,
  };
}
