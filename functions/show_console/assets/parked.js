// Parked events: genuine, stored, and not booked yet. What would release each, and what a person can do about it.

import { html, nothing } from "./lit-html.js";
import { get, path, post } from "./api.js";
import { draftOf } from "./drafts.js";
import { ago, money, time } from "./format.js";
import { historyCard } from "./history.js";
import { accountLink, askWhy, badge, card, crumbs, draw, empty, facts, field, link, Listing, say, whyLink } from "./ui.js";
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
  const events = listing(false);
  return {
    title: "Parked events",
    isList: true,
    load: () => events.restart(),
    view: () => html`<h1 tabindex="-1">Parked events</h1>
      <p class="lead">Events of the providers that could not be booked as they came. Nothing of them is lost. The oldest comes first.</p>
      ${tabs("parked")}
      ${events.items.length ? table(events) : events.empty("Nothing needs a person", "Every event that came is booked, or of a kind that is muted.")}`,
  };
}

export function mutedPage() {
  const events = listing(true);
  let found = null;
  const load = () => Promise.all([events.restart(), get(path("mutes")).then((mutes) => { found = mutes; })]);
  const end = (mute) => askWhy({
    draft: draftOf(`end/${mute.mute_id}`),
    title: "End this mute?",
    confirm: "End it",
    intro: () => html`<p>${kindOf(mute)}</p><p>Its events come back to the list of those that need a person, and so do later ones.</p>`,
    act: (why) => post(path("mutes", mute.mute_id, "end"), { why }),
    after: async () => { say("It is ended."); await load(); draw(); },
  });
  return {
    title: "Muted events",
    isList: true,
    load,
    view: () => html`<h1 tabindex="-1">Parked events</h1>
      <p class="lead">Kinds of events that need no attention, as a person said. They stay parked, and each deployment tries them again.</p>
      ${tabs("muted")}
      ${found.mutes.length ? html`<h2>Kinds</h2>${mutes(found, end)}` : empty("No kind is muted", "Mute one from the page of a parked event.")}
      ${events.items.length ? html`<h2>Events</h2>${table(events)}` : events.button()}`,
  };
}

const listing = (areMuted) => new Listing(async (after) => {
  const found = await get(path("parked"), { limit: 50, after, are_muted: areMuted || undefined });
  return { items: found.parked, next: found.next };
});

const tabs = (chosen) => html`<div class="tabs" role="group" aria-label="Lists">${[["parked", "Need a person"], ["muted", "Muted"]].map(([name, words]) => html`<a href="#/${name}" aria-current=${name === chosen ? "page" : nothing}>${words}</a>`)}</div>`;

const kindOf = (one) => html`<span class="id">${one.event_type}</span> <span class="soft">${provider(one.provider)}</span><br>${named(one.reason)}${one.detail ? html` <span class="soft small">${one.detail}</span>` : nothing}`;

const mutes = (found, end) => html`<div class="card flush"><table class="rows"><caption class="unseen">Muted kinds</caption>
  <thead><tr><th scope="col">Kind</th><th scope="col">Events</th><th scope="col">Why</th><th scope="col">Muted</th><th scope="col"><span class="unseen">Act</span></th></tr></thead>
  <tbody>${found.mutes.map((one) => html`<tr>
    <th scope="row">${kindOf(one)}</th>
    <td data-label="Events">${one.events}${found.is_cut ? "+" : nothing}</td>
    <td data-label="Why" class="wrap">${one.is_in_force ? one.why : one.ended_why}</td>
    <td data-label=${one.is_in_force ? "Muted" : "Ended"}>${one.is_in_force ? html`${ago(one.muted_at)} by ${one.muted_by}` : html`Ended ${ago(one.ended_at)} by ${one.ended_by}`}${one.is_settled ? nothing : html`<br><span class="soft small">A job moves what is left within the hour.</span>`}</td>
    <td>${one.is_in_force ? html`<button type="button" class="button" data-draft=${`end/${one.mute_id}`} @click=${() => end(one)}>End…</button>` : nothing}</td></tr>`)}</tbody></table></div>`;

const table = (events) => html`<div class="card flush"><table class="rows"><caption class="unseen">Parked events</caption>
  <thead><tr><th scope="col">Event</th><th scope="col">Why it is parked</th><th scope="col">What releases it</th><th scope="col">Received</th></tr></thead>
  <tbody>${events.items.map((one) => html`<tr>
    <th scope="row"><a class="row id" href="#/parked/${encodeURIComponent(one.parked_id)}">${one.event_type}</a> <span class="soft">${provider(one.provider)}</span></th>
    <td data-label="Why">${named(one.reason)}${one.detail ? html` <span class="soft small">${one.detail}</span>` : nothing}</td>
    <td data-label="Released by" class="soft small">${one.released_by}</td>
    <td data-label="Received">${ago(one.received_at)}</td></tr>`)}</tbody></table></div>${events.button()}`;

const saidRows = (body) => {
  const { amount, name, email, invoice } = saidBy(body);
  return [["Amount", amount ? money(amount) : nothing], ["Name", name], ["E-mail", email], ["Invoice", invoice]];
};

/** What a provider's event says of its payment, as it is written there: it was not booked, so nothing is checked. */
function saidBy(body) {
  const one = body?.data?.object || body?.data || {};
  const currency = String(one.currency || one.currency_code || "").toUpperCase();
  const minor = one.amount_paid ?? one.amount_total ?? one.amount ?? one.details?.totals?.grand_total ?? one.totals?.total;
  const amount = /^[A-Z]{3}$/.test(currency) && /^-?\d{1,15}$/.test(String(minor ?? "")) ? { amount_minor: Number(minor), currency } : null;
  return {
    amount,
    name: one.customer_name || one.customer_details?.name || one.billing_details?.name || one.customer?.name,
    email: one.customer_email || one.customer_details?.email || one.billing_details?.email || one.receipt_email || one.customer?.email,
    invoice: one.invoice_number || (one.object === "invoice" ? one.number : null),
  };
}

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
  const [attribution, dismissal, another, muting] = [`attribute/${id}`, `dismiss/${id}`, `replay/${id}`, `mute/${id}`];
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
  const mute = async () => {
    const seen = await get(address("mute")).catch((problem) => ({ refusal: problem.message }));
    if (seen.refusal) { say(seen.refusal, "bad"); draw(); return; }
    askWhy({
      draft: draftOf(muting),
      title: "Mute this kind of events?",
      confirm: "Mute the kind",
      intro: () => html`<p>${kindOf(seen)}</p>
        <p>${seen.events}${seen.is_cut ? " or more" : ""} parked ${seen.events === 1 ? "event leaves" : "events leave"} the list, and so do later ones of exactly this kind. They stay parked.
        ${seen.of_ours ? `${seen.of_ours} of the kind stay: they name an order, an account or a price of ours.` : "What names an order, an account or a price of ours is never muted."}</p>`,
      act: (why) => post(address("mute"), { why }),
      after: async () => { say("The kind is muted."); await load(); draw(); },
    });
  };
  const dismiss = () => askWhy({ draft: draftOf(dismissal), title: "Dismiss this event?", confirm: "Dismiss it", tone: "danger", intro: "It is not booked, and is not listed any more. Its receipt stays.", act: (why) => post(address("dismissal"), { why }), after: settle });
  return {
    title: "Parked event",
    load,
    view: () => html`${crumbs(["parked", "Parked events"], html`<span class="id">${id}</span>`)}
      <div class="head"><div><h1 tabindex="-1" class="id">${found.event_type}</h1><p class="lead">${found.reason ? `${named(found.reason)}${found.detail ? `: ${found.detail}` : ""}` : found.detail || (OUTCOMES[found.outcome] || [named(found.outcome)])[0]}</p></div>
        <p class="badges">${badge(found.muted_by ? ["Muted", "quiet"] : STATES[found.outcome] || [named(found.outcome), "accent"])}</p></div>
      <div class="columns"><div>
        ${found.reason ? card("What would release it", html`<p>${found.released_by}</p>`) : nothing}
        ${historyCard(found.history)}
        ${found.body ? card("The provider's event", html`<pre tabindex="0">${JSON.stringify(found.body, null, 2)}</pre>`) : nothing}
      </div><aside aria-label="Acts and facts">
        ${!found.reason ? card("What became of it", html`<p>${(OUTCOMES[found.outcome] || [named(found.outcome)])[0]}</p>${found.account_id ? html`<p>${accountLink(found.account_id)}</p>` : nothing}`) : card("Act", html`<div class="buttons column">
          ${LACKS_ACCOUNT.includes(found.reason) ? html`<button type="button" class="button accent wide" data-draft=${attribution} @click=${attribute}>Say whose it is…</button>` : nothing}
          <button type="button" class="button wide" data-draft=${another} @click=${replay}>Try again…</button>
          <button type="button" class="button wide" data-draft=${dismissal} @click=${dismiss}>Dismiss…</button>
          ${found.muted_by ? html`<p class="soft">Its kind is ${link("muted", "muted")}.</p>` : found.can_be_muted ? html`<button type="button" class="button wide" data-draft=${muting} @click=${mute}>Mute this kind…</button>` : nothing}</div>`)}
        ${card("Facts", facts([
          ["Provider", provider(found.provider)],
          ["Event", whyLink(found.event_id)],
          ["Kind", found.kind ? html`<span class="id">${found.kind}</span>` : nothing],
          ["Customer", found.customer_id ? whyLink(found.customer_id) : nothing],
          ...saidRows(found.body),
          ["Happened", time(found.occurred_at)],
          ["Received", time(found.received_at)],
        ]))}
      </aside></div>`,
  };
}
