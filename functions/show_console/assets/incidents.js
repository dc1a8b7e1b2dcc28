// Incidents: all runs that failed between two times, and replacement credits for each of them, once.

import { html, nothing } from "./lit-html.js";
import { get, newKey, path, post } from "./api.js";
import { ago, credits, number, time } from "./format.js";
import { signedIn } from "./session.js";
import { accountLink, ask, askWhy, badge, card, draw, empty, facts, field, link, problemBox, say } from "./ui.js";

const STATES = { proposed: ["Waits for a second person", "warn"], running: ["Under way", "accent"], done: ["Done", "good"], rejected: ["Rejected", "quiet"] };

export function incidentsPage() {
  const entered = { from: "", to: "" };
  let list = [];
  let found = null;
  let problem = null;
  let isBusy = false;
  const iso = (local) => new Date(local).toISOString();
  const preview = async (event) => {
    event.preventDefault();
    isBusy = true;
    problem = found = null;
    draw();
    try {
      found = await get(path("incidents", "preview"), { from: iso(entered.from), to: iso(entered.to) });
    } catch (one) {
      problem = one;
    }
    isBusy = false;
    draw();
  };
  const open = () => {
    const key = newKey();
    askWhy({
      title: `Give ${credits(found.credits)} to ${number(found.accounts)} accounts?`,
      confirm: "Propose it",
      intro: html`<p>${number(found.runs)} failed runs are replaced, each once. A second person confirms it first.</p>`,
      act: (why) => post(path("incidents"), { from: found.from, to: found.to, why, expected_credits: found.credits }, key),
      after: (opened) => { if (opened) location.hash = `#/incidents/${opened.incident_id}`; },
      onConflict: () => preview(new Event("submit")),
    });
  };
  const input = (name) => html`<input id=${name} type="datetime-local" required .value=${entered[name]} @input=${(event) => { entered[name] = event.target.value; }}>`;
  return {
    title: "Incidents",
    load: async () => { list = (await get(path("incidents"))).incidents; },
    view: () => html`<h1 tabindex="-1">Incidents</h1>
      <p class="lead">When our system failed many at once: find every run that failed, and give its credits once more.</p>
      ${card("Runs that failed between two times", html`<form class="inline" @submit=${preview}>${field("from", "From, your time", input("from"))}${field("to", "To, your time", input("to"))}<button type="submit" class="button accent" ?disabled=${isBusy}>${isBusy ? "Looking…" : "Preview"}</button></form>
        ${problem ? problemBox(problem) : nothing}${found ? result(found, open) : nothing}`)}
      ${list.length ? html`<div class="card flush"><table class="rows"><caption class="unseen">Incidents</caption><thead><tr><th scope="col">Reason</th><th scope="col">From</th><th scope="col">To</th><th scope="col" class="figure">Credits</th><th scope="col">State</th></tr></thead>
        <tbody>${list.map((one) => html`<tr><th scope="row"><a class="row" href="#/incidents/${one.incident_id}">${one.why}</a></th><td data-label="From">${time(one.from)}</td><td data-label="To">${time(one.to)}</td><td data-label="Credits" class="figure">${number(one.credits)}</td><td data-label="State">${badge(STATES[one.state])}</td></tr>`)}</tbody></table></div>` : empty("No incident yet", "What is proposed here appears in this list.")}`,
  };
}

const result = (found, open) => (found.runs
  ? html`<dl class="tiles inner"><div class="strong"><dt>Credits</dt><dd>${number(found.credits)}</dd></div><div><dt>Failed runs</dt><dd>${number(found.runs)}</dd></div><div><dt>Accounts</dt><dd>${number(found.accounts)}</dd></div><div><dt>Replaced already</dt><dd>${number(found.already_replaced)}</dd></div></dl>
    ${found.is_cut ? html`<p class="notice">There are more runs than one incident can hold. Choose a shorter time.</p>` : nothing}
    <table class="rows compact"><caption class="unseen">The accounts with the most credits</caption><thead><tr><th scope="col">Account</th><th scope="col" class="figure">Runs</th><th scope="col" class="figure">Credits</th></tr></thead>
    <tbody>${found.largest.map((one) => html`<tr><td data-label="Account">${accountLink(one.account_id)}</td><td data-label="Runs" class="figure">${number(one.runs)}</td><td data-label="Credits" class="figure">${number(one.credits)}</td></tr>`)}</tbody></table>
    <div class="buttons"><button type="button" class="button accent" ?disabled=${found.is_cut} @click=${open}>Replace all of them…</button></div>`
  : empty("No run failed", "Nothing to replace between these times."));

export function incidentPage(id) {
  let found = null;
  let isWorking = false;
  let problem = null;
  const load = async () => { found = await get(path("incidents", id)); };
  const again = () => load().then(draw);
  /** Let the server do one part after the other. It can be left and taken up again: each run is replaced once. */
  const work = async () => {
    isWorking = true;
    problem = null;
    draw();
    try {
      while (isWorking && found.state === "running") {
        found = await post(path("incidents", id, "run"));
        draw();
      }
      if (found.state === "done") say("Every run of the incident is replaced.");
    } catch (one) {
      problem = one;
    }
    isWorking = false;
    draw();
  };
  const confirm = () => ask({
    title: `Give ${credits(found.credits)}?`,
    confirm: "Confirm",
    body: () => html`<p>${number(found.runs)} failed runs of ${number(found.accounts)} accounts get their credits once more. ${found.opened_by} has proposed it: ${found.why}</p>`,
    act: () => post(path("incidents", id, "confirmation")),
    after: (done) => { found = done || found; work(); },
    onConflict: again,
  });
  const reject = () => askWhy({ title: "Reject this incident?", confirm: "Reject", tone: "danger", act: (why) => post(path("incidents", id, "rejection"), { why }), after: again, onConflict: again });
  const isMine = () => found.opened_by === signedIn()?.id;
  return {
    title: "Incident",
    load,
    leave: () => { isWorking = false; },
    view: () => html`<p class="crumbs">${link("incidents", "Incidents")} <span aria-hidden="true">/</span> <span class="id">${id}</span></p>
      <div class="head"><div><h1 tabindex="-1">${found.why}</h1><p class="lead">${time(found.from)} to ${time(found.to)}</p></div><p class="badges">${badge(STATES[found.state])}</p></div>
      <dl class="tiles"><div class="strong"><dt>Credits</dt><dd>${number(found.credits)}</dd></div><div><dt>Runs</dt><dd>${number(found.runs)}</dd></div><div><dt>Accounts</dt><dd>${number(found.accounts)}</dd></div><div><dt>Runs replaced</dt><dd>${number(found.replaced_runs)}</dd></div>${found.failed ? html`<div><dt>Could not be booked</dt><dd>${number(found.failed)}</dd></div>` : nothing}</dl>
      ${problem ? problemBox(problem, work) : nothing}
      ${found.state === "running" ? card("Replacement", html`<progress max=${found.runs} value=${found.replaced_runs} aria-label="Runs replaced"></progress><p class="soft">${number(found.replaced_runs)} of ${number(found.runs)} runs. Each is replaced once, however often this is started.</p><div class="buttons"><button type="button" class="button accent" ?disabled=${isWorking} @click=${work}>${isWorking ? "Working…" : "Go on"}</button></div>`) : nothing}
      ${found.state === "proposed" ? card("Second person", html`${isMine() ? html`<p>You proposed this. A colleague has to confirm it.</p>` : nothing}<div class="buttons"><button type="button" class="button" @click=${reject}>Reject…</button><button type="button" class="button accent" ?disabled=${isMine()} @click=${confirm}>Confirm…</button></div>`) : nothing}
      ${card("Who", facts([["Proposed by", html`${found.opened_by}, ${ago(found.opened_at)}`], ["Confirmed by", found.confirmed_by ? html`${found.confirmed_by}, ${ago(found.confirmed_at)}` : "–"]]))}`,
  };
}
