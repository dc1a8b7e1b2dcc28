// Incidents: the runs that failed between two times, what would replace their credits, and how far that is.

import { html, nothing } from "./lit-html.js";
import { get, path, post } from "./api.js";
import { draftOf } from "./drafts.js";
import { ago, credits, number, time } from "./format.js";
import { accountLink, askWhy, badge, card, crumbs, draw, empty, facts, field, focusLater, Listing, problemBox, say } from "./ui.js";
import { INCIDENT_STATES, LEFT_OUT } from "./words.js";

const PROGRESS_MS = 2000;
const HOUR_MS = 3600000;

/** The draft of the reason for replacing what failed in a time. */
const nameOf = (span) => `replace-runs/${span.since}/${span.until}`;

export function incidentsPage(query) {
  const entered = { since: local(query.get("since")) || local(hoursAgo(2)), until: local(query.get("until")) || local(hoursAgo(0)) };
  let shown = null; // the figures of the time that was asked for last
  let problem = null;
  let isBusy = false;
  const asked = () => ({ since: utc(entered.since), until: utc(entered.until) });
  const accounts = new Listing(async (after) => {
    const found = await get(path("failed-runs"), { ...shown.span, limit: 25, after });
    return { items: found.accounts, next: found.next };
  });
  const incidents = new Listing(async (after) => {
    const found = await get(path("incidents"), { limit: 25, after });
    return { items: found.incidents, next: found.next };
  });

  async function look() {
    const span = asked();
    isBusy = true;
    problem = null;
    draw();
    try {
      const found = await get(path("failed-runs"), { ...span, limit: 25 });
      shown = { ...found, span };
      accounts.reading = null; // a page of the time before
      accounts.items = found.accounts;
      accounts.next = found.next;
      history.replaceState(null, "", `#/incidents?since=${span.since}&until=${span.until}`);
    } catch (refused) {
      shown = null;
      problem = refused;
    }
    isBusy = false;
    draw();
  }

  const submit = (event) => {
    event.preventDefault();
    const focus = focusLater();
    if (!isBusy) look().then(() => focus(document.getElementById("found")));
  };
  const stale = () => { shown = null; problem = null; draw(); };
  const write = (name) => (event) => { entered[name] = event.target.value; stale(); };

  function replace() {
    const { span, to_give: sum, accounts_to_give: many } = shown;
    const draft = draftOf(nameOf(span));
    askWhy({
      draft,
      title: `Replace ${credits(sum)}?`,
      label: "What happened",
      confirm: `Replace ${credits(sum)}`,
      intro: () => html`<p>${many === 1 ? "One account gets" : `${number(many)} accounts get`} as many credits as their failed runs had cost, on top of what came back when they failed. Each run is replaced once. Each customer gets a mail about it.</p>
        ${facts([["Failed from", time(span.since)], ["To", time(span.until)]])}`,
      act: (why) => post(path("incidents"), { ...span, credits: sum, why }, draft.key),
      after: (begun) => {
        if (begun) location.hash = `#/incidents/${begun.incident_id}`;
        else look();
      },
      onConflict: () => {
        draftOf(nameOf(span)).write("why", draft.values.why); // another sum, for the same reason
        return look();
      },
    });
  }

  const input = (name, label) => html`<div class="field"><label for=${name}>${label}</label>
    <input id=${name} type="datetime-local" required step="1" .value=${entered[name]} @change=${write(name)} aria-describedby="${name}-hint">
    <p class="hint" id="${name}-hint">${entered[name] ? html`${time(utc(entered[name]))}` : "In your time zone"}</p></div>`;

  return {
    title: "Incidents",
    isList: true,
    load: async () => {
      await incidents.restart();
      if (query.get("since")) await look();
    },
    view: () => html`<h1 tabindex="-1">Incidents</h1>
      <p class="lead">When our system failed runs, their credits came back at once. Here you replace them on top, for all customers, once.</p>
      ${card("Runs that failed between two times", html`<form class="span" @submit=${submit}>${input("since", "From")}${input("until", "To")}
        <button type="submit" class="button accent" ?disabled=${isBusy}>${isBusy ? "One moment…" : "Show what failed"}</button></form>
        ${problem ? problemBox(problem) : nothing}`)}
      ${shown ? preview(shown, accounts, replace) : nothing}
      <h2 class="section">Made good</h2>
      ${incidents.items.length ? table(incidents) : incidents.empty("No incident yet", "What is made good for all customers is listed here.")}`,
    freshen: () => incidents.restart().then(draw),
  };
}

/** A case by which the account gets something for the same failures. The person decides whether that is twice. */
const beside = (one) => html` <a class="small" href="#/cases/${one.case_id}">${one.state === "replaced" ? "Got credits by a case" : "Technical case open"}</a>`;

function preview(shown, accounts, replace) {
  if (!shown.runs) {
    return html`<section aria-labelledby="found"><h2 class="section" id="found" tabindex="-1">What failed</h2>${empty("No run failed in this time", "A run that has just failed is listed some seconds later.")}</section>`;
  }
  return html`<section aria-labelledby="found"><div class="head section"><h2 id="found" tabindex="-1">What failed</h2>
      <button type="button" class="button accent" data-draft=${nameOf(shown.span)} ?disabled=${!shown.to_give || shown.cut_at} @click=${replace}>${shown.to_give ? `Replace ${credits(shown.to_give)}…` : "Nothing to replace"}</button></div>
    ${shown.cut_at ? html`<div class="problem" role="alert"><p class="problem-title">More runs failed than one incident takes</p><p>Those from ${time(shown.cut_at)} on are in no figure. Make several incidents of this time: the first one until shortly before.</p></div>` : nothing}
    <dl class="tiles"><div><dt>Failed runs</dt><dd>${number(shown.runs)}</dd></div>
      <div><dt>Accounts</dt><dd>${number(shown.accounts_in_all)}</dd></div>
      <div><dt>Credits they had cost</dt><dd>${number(shown.credits)}</dd></div>
      <div><dt>Runs replaced already</dt><dd>${number(shown.replaced_runs)}</dd></div>
      <div class="strong"><dt>Credits to give</dt><dd>${number(shown.to_give)}</dd></div></dl>
    <div class="card flush"><table class="rows"><caption class="unseen">Accounts whose runs failed</caption>
      <thead><tr><th scope="col">Account</th><th scope="col" class="figure">Failed runs</th><th scope="col" class="figure">Had cost</th><th scope="col" class="figure">Replaced already</th><th scope="col" class="figure">Gets</th></tr></thead>
      <tbody>${accounts.items.map((one) => html`<tr>
        <th scope="row">${accountLink(one.account_id)}${one.cases.map(beside)}</th>
        <td data-label="Failed runs" class="figure">${number(one.runs)}</td>
        <td data-label="Had cost" class="figure">${credits(one.credits)}</td>
        <td data-label="Replaced already" class="figure ${one.replaced_runs ? "" : "none"}">${one.replaced_runs ? number(one.replaced_runs) : "–"}</td>
        <td data-label="Gets" class="figure">${one.left_out ? badge(LEFT_OUT[one.left_out]) : one.replaceable ? credits(one.replaceable) : html`<span class="soft">Nothing</span>`}</td></tr>`)}</tbody></table></div>${accounts.button()}</section>`;
}

const table = (incidents) => html`<div class="card flush"><table class="rows"><caption class="unseen">Incidents, newest first</caption>
  <thead><tr><th scope="col">Runs that failed</th><th scope="col">State</th><th scope="col" class="figure">Accounts</th><th scope="col" class="figure">Given</th><th scope="col">Begun</th></tr></thead>
  <tbody>${incidents.items.map((one) => html`<tr>
    <th scope="row"><a class="row" href="#/incidents/${one.incident_id}">${time(one.since)} – ${time(one.until)}</a></th>
    <td data-label="State">${badge(INCIDENT_STATES[one.state])}</td>
    <td data-label="Accounts" class="figure">${number(one.accounts)}</td>
    <td data-label="Given" class="figure">${credits(one.given)}</td>
    <td data-label="Begun">${ago(one.begun_at)} <span class="soft">by ${one.begun_by}${one.confirmed_by ? ` and ${one.confirmed_by}` : ""}</span></td></tr>`)}</tbody></table></div>${incidents.button()}`;

export function incidentPage(id) {
  let found = null;
  let timer = null;
  let isLeft = false;
  const accounts = new Listing(async (after) => {
    const read = await get(path("incidents", id), { limit: 25, after });
    found = read.incident;
    return { items: read.accounts, next: read.next };
  });
  const page = {
    title: "Incident",
    load: async () => {
      await accounts.restart();
      again();
    },
    view: () => incidentView(found, accounts),
    leave: () => { isLeft = true; clearTimeout(timer); },
    freshen: () => accounts.restart().then(draw),
  };
  function again() {
    if (isLeft || found.state !== "running") return;
    timer = setTimeout(async () => {
      try {
        await accounts.restart();
        if (found.state === "done") say("The incident is made good.");
      } catch {
        // the next turn shows how far it is
      }
      draw();
      again();
    }, PROGRESS_MS);
  }
  return page;
}

const incidentView = (one, accounts) => html`${crumbs(["incidents", "Incidents"], html`<span class="id">${one.incident_id}</span>`)}
  <div class="head"><div><h1 tabindex="-1">Incident</h1><p class="lead">Runs that failed ${time(one.since)} – ${time(one.until)}</p></div><div class="badges">${badge(INCIDENT_STATES[one.state])}</div></div>
  <dl class="tiles"><div><dt>Accounts</dt><dd>${number(one.accounts)}</dd></div><div><dt>Runs replaced</dt><dd>${number(one.runs)}</dd></div>
    <div class="strong"><dt>Credits given</dt><dd>${number(one.given)}</dd></div><div><dt>Agreed sum</dt><dd>${number(one.credits)}</dd></div></dl>
  ${one.state === "running" ? html`<p class="going"><progress max=${one.credits} value=${one.given} aria-label="Credits given"></progress><span class="soft small" role="status">Account by account. You can leave this page.</span></p>` : nothing}
  ${one.is_cut ? html`<div class="problem" role="alert"><p class="problem-title">There are more runs by now</p><p>One incident takes no more. <a href="#/incidents?since=${one.since}&until=${one.until}">Look at its time again</a>, and replace the rest.</p></div>` : nothing}
  ${card("What it is", html`${facts([
    ["Reason", one.why],
    ["Begun", html`${ago(one.begun_at)} by ${one.begun_by}`],
    ["Confirmed by", one.confirmed_by || nothing],
    ["Done", one.ended_at ? time(one.ended_at) : nothing],
    ["Left out", one.left_out.length ? html`<ul class="plain-list">${one.left_out.map(({ why, accounts: many }) => html`<li>${badge(LEFT_OUT[why])} ${many === 1 ? "one account" : `${number(many)} accounts`}</li>`)}</ul>` : nothing],
  ])}`)}
  ${accounts.items.length ? html`<div class="card flush"><table class="rows"><caption class="unseen">Accounts of the incident</caption>
    <thead><tr><th scope="col">Account</th><th scope="col" class="figure">Runs</th><th scope="col" class="figure">Got</th><th scope="col">Left out</th></tr></thead>
    <tbody>${accounts.items.map((share) => html`<tr><th scope="row">${accountLink(share.account_id)}</th>
      <td data-label="Runs" class="figure">${number(share.runs)}</td><td data-label="Got" class="figure">${credits(share.credits)}</td>
      <td data-label="Left out" class=${share.left_out ? "" : "none"}>${share.left_out ? badge(LEFT_OUT[share.left_out]) : html`<span class="soft">–</span>`}</td></tr>`)}</tbody></table></div>${accounts.button()}` : accounts.empty("No account yet", one.state === "running" ? "The first ones are shown here in a moment." : "Nothing was left to replace.")}`;

/** A time as the input takes it, in the reader's zone. */
function local(iso) {
  const at = iso ? new Date(iso) : null;
  return at && !Number.isNaN(at.getTime()) ? new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19) : "";
}

/** A time of the input, in UTC. */
const utc = (text) => (text ? new Date(text).toISOString() : "");

/** The beginning of the minute some hours ago. */
const hoursAgo = (hours) => new Date(Math.floor((Date.now() - hours * HOUR_MS) / 60000) * 60000).toISOString();
