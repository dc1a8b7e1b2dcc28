// The console: the frame, the pages by their address, and the sign-in.
//
// An address is #/page/id?query: what it names never leaves the browser, so no log has it. A page is an object with a
// title, load() and view(). Whenever something changes, everything is drawn again; lit-html changes only what differs.

import { html, nothing, render } from "./lit-html.js";
import { get, path, Problem } from "./api.js";
import { dropDrafts, openDrafts } from "./drafts.js";
import { beginSignIn, canSignIn, finishSignIn, onSignOut, signedIn, signOut } from "./session.js";
import { cameFrom, closeDialog, dialogView, draw, focusLater, link, loading, onChange, problemBox, reopenDrafts, say, setCameFrom, toastsView } from "./ui.js";
import { queuePage } from "./queue.js";
import { casePage } from "./case.js";
import { decidedPage } from "./decided.js";
import { accountPage } from "./account.js";
import { findPage } from "./find.js";
import { proposalsPage } from "./proposals.js";
import { mutedPage, parkedEventPage, parkedPage } from "./parked.js";
import { evidencePage } from "./evidence.js";
import { isAnswerable, openDisputesPage, suspendedPage } from "./open_disputes.js";
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
  ["proposals", "Second approval"],
  ["decided", "Decided"],
  ["declarations", "Declarations"],
  ["disputes", "Disputes"],
  ["suspended", "Suspended"],
  ["parked", "Parked events"],
  ["incidents", "Incidents"],
  ["why", "Why?"],
];

const PARENTS = { muted: "parked", cases: "queue", evidence: "disputes" }; // the entry of the menu for a page that has none
const WITH_ID = ["accounts", "cases", "evidence"]; // pages that there are with an id alone

/** What an address that names no page shows. */
const missingPage = () => ({
  title: "No such page",
  load: async () => {},
  view: () => html`<h1 tabindex="-1">No such page</h1><p class="lead">Nothing is at <b class="id">${location.hash}</b>.</p>
    <p>Search for what you are looking for, or go to the ${link("queue", "review queue")}.</p>`,
});

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
  <nav class="menu" aria-label="Pages"><ul>${MENU.map(([to, words]) => html`<li><a href="#/${to}" aria-current=${name === to ? "page" : entryOf() === to ? "true" : nothing}>${words}${counts[to] ? html`<span class="count" aria-label="${counts[to]} wait">${counts[to]}</span>` : nothing}</a></li>`)}</ul></nav>
  <main id="main" tabindex="-1">${page ? content() : nothing}</main>
  ${toastsView()}${dialogView()}`;
}

/** The entry of the menu that leads to the page: the list that one came from, if it is none itself. */
const entryOf = () => (MENU.some(([to]) => to === name) ? name : cameFrom()?.address.split(/[/?]/)[0] || PARENTS[name]);

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

/** The parts of the address: the page's name, an id, and a query. */
function addressed() {
  const [where, query] = location.hash.replace(/^#\/?/, "").split("?");
  try {
    const [first, id] = where.split("/").map(decodeURIComponent);
    const isKnown = Object.hasOwn(PAGES, first || "queue") && (id || !WITH_ID.includes(first));
    return [isKnown ? first || "queue" : "", id, new URLSearchParams(query)];
  } catch {
    return ["", "", new URLSearchParams()]; // it is not encoded as an address is
  }
}

/** Show the page that the address names. */
async function open() {
  if (!signedIn()) return draw();
  const [next, id, query] = addressed();
  const focus = focusLater();
  name = next;
  page?.leave?.();
  const opened = name ? PAGES[name](id, query) : missingPage();
  page = opened;
  opened.phase = "loading";
  if (document.querySelector("dialog")?.open) closeDialog();
  draw();
  const box = document.getElementById("q");
  if (box !== document.activeElement) box.value = name === "find" ? query.get("q") || "" : "";
  showEntry();
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
  showEntry();
  focus(document.querySelector("main h1") || root, { preventScroll: true });
  reopenDrafts(openDrafts());
  count();
}

/** In a narrow window the menu scrolls: show where one is. */
const showEntry = () => {
  const entry = document.querySelector(".menu [aria-current]");
  const menu = entry?.closest("nav");
  if (menu) menu.scrollLeft += entry.getBoundingClientRect().left - (menu.clientWidth - entry.offsetWidth) / 2;
};

// How many are counted at most: a declaration is a read of its own, a dispute is read with its payment, and a parked event brings its body.
const COUNTED = {
  queue: () => get(path("refund-cases"), { limit: 100 }).then((page) => [page.cases, page.next]),
  proposals: () => get(path("proposals"), { limit: 100 }).then((page) => [page.proposals, page.next]),
  declarations: () => get(path("declarations"), { limit: 9 }).then((page) => [page.declarations, page.has_more]),
  disputes: () => get(path("disputes"), { limit: 25 }).then((page) => [page.purchases.filter(isAnswerable), page.next]),
  parked: () => get(path("parked"), { limit: 25 }).then((page) => [page.parked, page.next]),
};

/** Count what waits, for the menu: on the pages of what waits, else once a minute. Without it the page is whole. */
async function count() {
  if (!(name in counts) && Date.now() - countedAt < COUNT_MS) return;
  countedAt = Date.now();
  await Promise.allSettled(Object.entries(COUNTED).map(async ([one, read]) => {
    const [found, more] = await read();
    counts[one] = found.length || more ? `${found.length}${more ? "+" : ""}` : "";
  }));
  draw();
  showEntry();
}

addEventListener("hashchange", (event) => {
  if (page?.isList) setCameFrom({ words: page.title, address: new URL(event.oldURL).hash.replace(/^#\/?/, "") });
  open();
});
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
