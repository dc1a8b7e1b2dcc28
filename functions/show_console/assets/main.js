// The console: the frame, the pages by their address, and the sign-in.
//
// An address is #/page/id?query: what it names never leaves the browser, so no log has it. A page is an object with a
// title, load() and view(). Whenever something changes, everything is drawn again; lit-html changes only what differs.

import { html, nothing, render } from "./lit-html.js";
import { get, path, Problem } from "./api.js";
import { dropDrafts, openDrafts } from "./drafts.js";
import { beginSignIn, canSignIn, finishSignIn, onSignOut, signedIn, signOut } from "./session.js";
import { closeDialog, dialogView, draw, loading, onChange, problemBox, reopenDrafts, say, toastsView } from "./ui.js";
import { queuePage } from "./queue.js";
import { casePage } from "./case.js";
import { decidedPage } from "./decided.js";
import { accountPage } from "./account.js";
import { findPage } from "./find.js";
import { proposalsPage } from "./proposals.js";
import { mutedPage, parkedEventPage, parkedPage } from "./parked.js";
import { evidencePage } from "./evidence.js";
import { openDisputesPage, suspendedPage } from "./open_disputes.js";
import { whyPage } from "./why.js";
import { declarationPage, declarationsPage } from "./declarations.js";
import { incidentPage, incidentsPage } from "./incidents.js";

const PAGES = {
  queue: queuePage,
  cases: casePage,
  decided: (_, query) => decidedPage(query),
  accounts: accountPage,
  find: findPage,
  proposals: proposalsPage,
  parked: (id) => (id ? parkedEventPage(id) : parkedPage()),
  muted: mutedPage,
  disputes: (_, query) => openDisputesPage(query),
  suspended: suspendedPage,
  evidence: evidencePage,
  why: whyPage,
  declarations: (id) => (id ? declarationPage(id) : declarationsPage()),
  incidents: (id, query) => (id ? incidentPage(id) : incidentsPage(query)),
};
const MENU = [
  ["queue", "Review queue"],
  ["proposals", "Second person"],
  ["decided", "Decided"],
  ["declarations", "Declarations"],
  ["disputes", "Disputes"],
  ["suspended", "Suspended"],
  ["parked", "Parked events"],
  ["incidents", "Incidents"],
  ["why", "Why?"],
];

const PARENTS = { muted: "parked" }; // the entry of the menu for a page that has none

const root = document.getElementById("console");
let page = null;
let name = "";
let signInProblem = null;
const counts = { queue: "", proposals: "", declarations: "", disputes: "", parked: "" }; // of the menu: what waits
const COUNT_MS = 60000;
let countedAt = 0;

onSignOut((problem) => { signInProblem = problem; draw(); });
onChange(() => render(signedIn() ? frame() : door(), root));

function frame() {
  return html`<a class="skip" href="#main" @click=${toMain}>Skip to the page</a>
  <header class="top">
    <a class="brand" href="#/queue"><i aria-hidden="true"></i><span>Image Tagger AI <b>Billing support</b></span></a>
    <form role="search" class="search" @submit=${search}>
      <label class="unseen" for="q">Find by e-mail address, account, order, invoice number or any id</label>
      <input id="q" name="q" type="search" autocomplete="off" spellcheck="false" placeholder="E-mail address, invoice number, any id" aria-keyshortcuts="/">
      <kbd aria-hidden="true">/</kbd>
    </form>
    <div class="me"><span title="You are signed in">${signedIn().name}</span><button type="button" class="plain" @click=${leave}>Sign out</button></div>
  </header>
  <nav aria-label="Pages"><ul>${MENU.map(([to, words]) => html`<li><a href="#/${to}" aria-current=${(PARENTS[name] || name) === to ? "page" : nothing}>${words}${counts[to] ? html`<span class="count" aria-label="${counts[to]} wait">${counts[to]}</span>` : nothing}</a></li>`)}</ul></nav>
  <main id="main" tabindex="-1">${page ? content() : nothing}</main>
  ${toastsView()}${dialogView()}`;
}

function content() {
  if (page.phase === "failed") {
    return html`<h1 tabindex="-1">${page.title}</h1>${problemBox(page.problem, open)}`;
  }
  return page.phase === "loading" ? html`<h1 tabindex="-1">${page.title}</h1>${loading()}` : page.view();
}

function door() {
  return html`<main class="door" id="main">
    <span class="brand"><i aria-hidden="true"></i><span>Image Tagger AI <b>Billing support</b></span></span>
    <h1 tabindex="-1">Sign in</h1>
    <p>Review refund cases, explain balances and look after accounts. For support staff.</p>
    ${signInProblem ? problemBox(signInProblem) : nothing}
    ${canSignIn()
      ? html`<button type="button" class="button accent wide" @click=${begin}>Sign in</button><p class="hint">You sign in at your company's own page. The sign-in ends when you close or reload this tab. What you were writing is kept until you sign out.</p>`
      : html`<p class="hint">No sign-in is configured for this console. See docs/recipes/console.md.</p>`}
  </main>`;
}

const begin = () => beginSignIn().catch((problem) => { signInProblem = problem; draw(); });

function leave() {
  page = null;
  dropDrafts();
  signOut();
}

function toMain(event) {
  event.preventDefault(); // the address names the page, not a part of it
  document.getElementById("main").focus();
}

function search(event) {
  event.preventDefault();
  const text = new FormData(event.target).get("q").trim();
  if (text) location.hash = `#/find?q=${encodeURIComponent(text)}`;
}

/** Show the page that the address names. */
async function open() {
  if (!signedIn()) return draw();
  const [where, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [first, ...ids] = where.split("/").map(decodeURIComponent);
  name = first in PAGES ? first : "queue";
  page?.leave?.();
  const opened = PAGES[name](ids[0], new URLSearchParams(query));
  page = opened;
  opened.phase = "loading";
  if (document.querySelector("dialog")?.open) closeDialog();
  draw();
  document.title = `${opened.title} · Billing support`;
  try {
    await opened.load();
    opened.phase = "ready";
  } catch (problem) {
    opened.phase = "failed";
    opened.problem = problem;
    if (!(problem instanceof Problem)) console.error(problem);
  }
  if (page !== opened) return;
  document.title = `${opened.title} · Billing support`;
  draw();
  window.scrollTo(0, 0);
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // of a narrow window
  (document.querySelector("main h1") || root).focus({ preventScroll: true });
  reopenDrafts(openDrafts());
  count();
}

// How many are counted at most: a declaration is a read of its own, a dispute is read with its payment, and a parked event brings its body.
const COUNTED = {
  queue: () => get(path("refund-cases"), { limit: 100 }).then((page) => [page.cases, page.next]),
  proposals: () => get(path("proposals"), { limit: 100 }).then((page) => [page.proposals, page.next]),
  declarations: () => get(path("declarations"), { limit: 9 }).then((page) => [page.declarations, page.has_more]),
  disputes: () => get(path("disputes"), { limit: 25 }).then((page) => [page.purchases, page.next]),
  parked: () => get(path("parked"), { limit: 25 }).then((page) => [page.parked, page.next]),
};

/** Count what waits, for the menu: on the pages of what waits, else once a minute. Without it the page is whole. */
async function count() {
  if (!(name in counts) && Date.now() - countedAt < COUNT_MS) return;
  countedAt = Date.now();
  await Promise.allSettled(Object.entries(COUNTED).map(async ([one, read]) => {
    const [found, more] = await read();
    counts[one] = found.length ? `${found.length}${more ? "+" : ""}` : "";
  }));
  draw();
}

addEventListener("hashchange", open);
// A change by a colleague is shown when this tab becomes visible again.
document.addEventListener("visibilitychange", () => { if (!document.hidden && signedIn()) page?.freshen?.(); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select, dialog")) return;
  event.preventDefault();
  document.getElementById("q")?.focus();
});

const WARN_MS = 300000; // before the sign-in ends

try {
  await finishSignIn();
  const left = (signedIn()?.expiresAt || 0) - Date.now();
  if (left > WARN_MS) setTimeout(() => say("Your sign-in ends in five minutes. Reload to sign in again: what you are writing is kept.", "warn"), left - WARN_MS);
} catch (problem) {
  signInProblem = problem;
}
await open();
