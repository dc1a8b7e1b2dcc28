// Parked events: genuine, stored, and not booked yet. What would release each, and what a person can do about it.

import { html, nothing } from "./lit-html.js";
import { get, path, post, remove } from "./api.js";
import { ago, money, time } from "./format.js";
import { accountLink, askWhy, badge, card, draw, empty, facts, field, link, Listing, problemBox, say, whyLink } from "./ui.js";
import { named, provider } from "./words.js";

const OUTCOMES = {
  booked: ["It is booked.", "good"],
  already_booked: ["It was booked already.", "good"],
  waiting: ["It is stored, and waits for its payment.", "accent"],
  noted: ["It is noted. There was nothing to book.", "good"],
  parked: ["It is still parked.", "bad"],
  dismissed: ["It is dismissed.", "good"],
};

export function parkedPage() {
  let state = "open";
  let kinds = [];
  let problem = null;
  const events = new Listing(async (after) => {
    const found = await get(path("parked"), { state, limit: 50, after });
    return { items: found.parked, next: found.next };
  });
  const load = async () => {
    const [muted] = await Promise.all([get(path("parked-kinds", "muted")), events.restart()]);
    kinds = muted.muted;
  };
  const show = (chosen) => async () => {
    state = chosen;
    problem = null;
    await load().catch((one) => { problem = one; });
    draw();
  };
  const unmute = (one) => askWhy({
    title: "Show this kind again?",
    confirm: "Show it",
    intro: html`<span class="id">${one.kind}</span>`,
    act: (why) => remove("/support/parked-kinds/muted", { kind: one.kind, why }),
    after: show(state),
  });
  return {
    title: "Parked events",
    load,
    view: () => html`<h1 tabindex="-1">Parked events</h1>
      <p class="lead">Events of the providers that could not be booked as they came. Nothing of them is lost. The oldest comes first.</p>
      <div class="tabs" role="group" aria-label="State">${[["open", "Open"], ["muted", "Muted"]].map(([one, words]) => html`<button type="button" aria-pressed=${one === state} @click=${show(one)}>${words}</button>`)}</div>
      ${problem ? problemBox(problem, show(state)) : events.items.length ? table(events) : empty(state === "open" ? "Nothing is parked" : "Nothing is muted", state === "open" ? "Every event that came is booked." : "A muted kind is left out of the open list.")}
      ${kinds.length ? card("Muted kinds", html`<ul class="plain-list ruled">${kinds.map((one) => html`<li><p><b class="id">${one.kind}</b></p><p>${one.why}</p><p class="soft small">By ${one.muted_by}, ${ago(one.muted_at)}</p><button type="button" class="button" @click=${() => unmute(one)}>Show again…</button></li>`)}</ul>`) : nothing}`,
  };
}

const table = (events) => html`<div class="card flush"><table class="rows"><caption class="unseen">Parked events</caption>
  <thead><tr><th scope="col">Event</th><th scope="col">Why it is parked</th><th scope="col">What releases it</th><th scope="col" class="figure">Amount</th><th scope="col">Received</th></tr></thead>
  <tbody>${events.items.map((one) => html`<tr>
    <th scope="row"><a class="row id" href="#/parked/${encodeURIComponent(one.parked_id)}">${one.event_type}</a> <span class="soft">${provider(one.provider)}</span></th>
    <td data-label="Why">${named(one.reason)}${one.detail ? html` <span class="soft small">${one.detail}</span>` : nothing}</td>
    <td data-label="Released by" class="soft small">${one.released_by}</td>
    <td data-label="Amount" class="figure">${money(one.amount)}</td>
    <td data-label="Received">${ago(one.received_at)}</td></tr>`)}</tbody></table></div>${events.button()}`;

export function parkedEventPage(id) {
  let found = null;
  let result = null;
  const address = (...parts) => path("parked", id, ...parts);
  const settle = async (done) => {
    if (!done) return;
    result = done;
    const [words, tone] = OUTCOMES[done.outcome] || [named(done.outcome), "accent"];
    say(words, tone);
    draw();
  };
  const attribute = (suggested) => {
    let account = suggested || "";
    askWhy({
      title: "Whose event is it?",
      confirm: "Attribute it",
      intro: html`<p>It is booked for this account, as if it had named it.</p>${field("account", "Account", html`<input id="account" required maxlength="200" autocomplete="off" spellcheck="false" .value=${account} @input=${(event) => { account = event.target.value.trim(); }}>`)}`,
      act: (why) => post(address("attribution"), { account_id: account, why }),
      after: settle,
    });
  };
  const replay = () => askWhy({ title: "Try again to book it?", confirm: "Try again", intro: "It is read once more, with the catalogue and the settings of now.", act: (why) => post(address("replay"), { why }), after: settle });
  const dismiss = () => askWhy({ title: "Dismiss this event?", confirm: "Dismiss it", tone: "danger", intro: "It is not booked, and is not listed any more. Its receipt stays.", act: (why) => post(address("dismissal"), { why }), after: settle });
  const mute = () => askWhy({ title: "Mute this kind?", confirm: "Mute it", intro: html`Events of the kind <span class="id">${found.kind}</span> leave the open list. What releases them still does.`, act: (why) => post("/support/parked-kinds/muted", { kind: found.kind, why }), after: () => { found.is_muted = true; say("The kind is muted."); } });
  return {
    title: "Parked event",
    load: async () => { found = await get(address()); },
    view: () => html`<p class="crumbs">${link("parked", "Parked events")} <span aria-hidden="true">/</span> <span class="id">${id}</span></p>
      <div class="head"><div><h1 tabindex="-1" class="id">${found.event_type}</h1><p class="lead">${named(found.reason)}${found.detail ? `: ${found.detail}` : ""}</p></div>
        <p class="badges">${result ? badge(OUTCOMES[result.outcome] || [named(result.outcome), "accent"]) : badge(["Parked", "warn"])} ${found.is_muted ? badge(["Muted kind", "quiet"]) : nothing}</p></div>
      ${result?.detail ? html`<div class="notice" role="status"><p>${result.detail}</p></div>` : nothing}
      <div class="columns"><div>
        ${card("What would release it", html`<p>${found.released_by}</p><ul class="reasons">${found.explanation.map((one) => html`<li>${one}</li>`)}</ul>`)}
        ${card("The provider's event", html`<pre tabindex="0">${JSON.stringify(found.body, null, 2)}</pre>`)}
      </div><aside aria-label="Acts and facts">
        ${result && result.outcome !== "parked" ? card("Done", html`<p>${(OUTCOMES[result.outcome] || [named(result.outcome)])[0]}</p>${result.account_id ? html`<p>${accountLink(result.account_id)}</p>` : nothing}`) : card("Act", html`<div class="buttons column">
          ${found.can_attribute ? (found.suggested_accounts.length ? found.suggested_accounts : [""]).map((one) => html`<button type="button" class="button accent wide" @click=${() => attribute(one)}>Attribute to ${one || "an account"}…</button>`) : nothing}
          <button type="button" class="button wide" @click=${replay}>Try again…</button>
          <button type="button" class="button wide" @click=${dismiss}>Dismiss…</button>
          ${found.is_muted ? nothing : html`<button type="button" class="button wide" @click=${mute}>Mute this kind…</button>`}</div>`)}
        ${card("Facts", facts([
          ["Provider", provider(found.provider)],
          ["Event", whyLink(found.event_id)],
          ["Kind", html`<span class="id">${found.kind}</span>`],
          ["Customer", found.customer_id ? whyLink(found.customer_id) : nothing],
          ["Amount", found.amount ? money(found.amount) : nothing],
          ["Happened", time(found.occurred_at)],
          ["Received", time(found.received_at)],
        ]))}
      </aside></div>`,
  };
}
