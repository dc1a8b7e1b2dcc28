// The pieces that every page is made of.

import { html, nothing } from "./lit-html.js";
import { Problem } from "./api.js";
import { draftOf } from "./drafts.js";
import { time } from "./format.js";

let redraw = () => {};
let toasts = [];
let asked = null; // the open dialog

/** Set what draws the page again. */
export const onChange = (draw) => { redraw = draw; };
export const draw = () => redraw();

export const badge = ([words, tone]) => html`<span class="badge ${tone}">${words}</span>`;
export const link = (to, words, extra = "") => html`<a class=${extra} href="#/${to}">${words}</a>`;
export const accountLink = (id) => (id ? html`<a class="id" href="#/accounts/${encodeURIComponent(id)}">${id}</a>` : "–");
/** The page that explains an id. `words`: what stands instead of the id, which is shown on top of them. */
export const whyLink = (id, accountId, words = "") => html`<a class=${words ? "" : "id"} title=${words ? id : nothing} href="#/why/${encodeURIComponent(id)}${accountId ? `?account=${encodeURIComponent(accountId)}` : ""}">${words || id}</a>`;

let list = null; // { words, address } of the list that was open last
export const cameFrom = () => list;
export const setCameFrom = (one) => { list = one; };

const ONE_LIST = ["parked", "declarations", "incidents"]; // what is of these is in no other list, but can be found
const FROM_ANY = ["find", "muted"];

/** The way back: to the list that one came from, else to where the page belongs, and what is on the way. */
export const crumbs = (parent, ...here) => {
  const from = list?.address.split(/[/?]/)[0];
  const isFrom = list && (!ONE_LIST.includes(parent[0]) || [parent[0], ...FROM_ANY].includes(from));
  const [to, words] = isFrom ? [list.address, list.words] : parent;
  return html`<nav class="crumbs" aria-label="Way back">${[link(to || "queue", words), ...here].map((one, at) => html`${at ? html` <span aria-hidden="true">/</span> ` : nothing}${one}`)}</nav>`;
};

/** Rows of a term and its description. What is nothing is left out. */
export const facts = (rows) => html`<dl class="facts">${rows
  .filter(([, value]) => value !== nothing && value !== null && value !== undefined && value !== "")
  .map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>`;

export const card = (title, content, extra = "") => html`<section class="card ${extra}"><h2>${title}</h2>${content}</section>`;

export const loading = () => html`<div class="skeleton" role="status"><span class="unseen">Loading</span><i></i><i></i><i></i></div>`;

export const empty = (title, words) => html`<div class="empty"><p class="empty-title">${title}</p><p>${words}</p></div>`;

/** What went wrong, in words, and what can be done about it. */
export function problemBox(problem, retry) {
  const heading = problem instanceof Problem ? problem.heading : "Something failed in this page";
  return html`<div class="problem" role="alert">
    <p class="problem-title">${heading}</p>
    <p>${problem.message}</p>
    ${problem.errors?.length > 1 ? html`<ul>${problem.errors.map((one) => html`<li><b>${one.field.replace(/^body\./, "")}</b>: ${one.message}</li>`)}</ul>` : nothing}
    ${retry ? html`<button type="button" class="button" @click=${retry}>${problem.isConflict ? "Show the current state" : "Try again"}</button>` : nothing}
  </div>`;
}

/** A field with its label. `control` is the input, whose id is given. */
export const field = (id, label, control, hint) => html`<div class="field">
  <label for=${id}>${label}</label>${control}${hint ? html`<p class="hint" id="${id}-hint">${hint}</p>` : nothing}</div>`;

/** Say shortly what has happened. Screen readers read it out. */
export function say(words, tone = "good") {
  const toast = { words, tone };
  toasts = [...toasts, toast];
  redraw();
  setTimeout(() => { toasts = toasts.filter((one) => one !== toast); redraw(); }, 8000);
}

export const toastsView = () => html`<div class="toasts" role="status" aria-live="polite">${toasts.map((one) => html`<p class="toast ${one.tone}">${one.words}</p>`)}</div>`;

/**
 * Ask for a confirmation. `body` draws what will happen; `act` does it. While it runs the button is off, so that a
 * second click does nothing. A problem is shown in the dialog, and what was entered is kept: in `draft`, also when the
 * page is left, until the act was answered.
 */
export function ask({ title, body, confirm, tone = "accent", act, after, onConflict, draft = null, isReady = () => true }) {
  const opener = document.activeElement;
  asked = { title, body, confirm, tone, act, after, onConflict, draft, isReady, opener, isBusy: false, problem: null };
  draft?.open(true);
  redraw();
  document.querySelector("dialog")?.showModal();
}

export function closeDialog() {
  const opener = asked?.opener;
  asked?.draft?.open(false);
  document.querySelector("dialog")?.close();
  asked = null;
  redraw();
  opener?.isConnected ? opener.focus() : document.querySelector("h1")?.focus();
}

/** Return what moves the focus once an answer is there, unless the person has moved it while waiting. */
export function focusLater() {
  const before = document.activeElement;
  return (element, options) => { if ([before, document.body].includes(document.activeElement)) element?.focus(options); };
}

/** What had the focus is gone with what was done: go on at the heading, not at the top of the window. */
function focusSomething() {
  if (document.activeElement === document.body) document.querySelector("main h1")?.focus({ preventScroll: true });
}

async function confirmDialog(event) {
  event.preventDefault();
  const dialog = asked;
  if (!dialog || dialog.isBusy) return;
  if (dialog.isAnother) dialog.draft.renew();
  dialog.isBusy = true;
  dialog.problem = null;
  dialog.isAnother = false;
  redraw();
  dialog.draft?.send();
  try {
    const result = await dialog.act();
    dialog.draft?.drop();
    if (asked === dialog) closeDialog();
    await dialog.after?.(result);
    focusSomething();
  } catch (problem) {
    if (problem?.code === "second-person-needed") {
      dialog.draft?.drop();
      closeDialog();
      say("This is above what one person may do. It is proposed, and a colleague has to confirm it.", "accent");
      await dialog.after?.(null);
      return;
    }
    if (!(problem instanceof Problem) || problem.isUnanswered) dialog.draft?.open(true);
    else if (!problem.isOfAnother) dialog.draft?.refused();
    dialog.isBusy = false;
    dialog.problem = problem;
  }
  redraw();
}

/** What is in the form was sent before, in this form or in an earlier one, and nobody knows what became of it. */
const sentBefore = ({ draft, isBusy, problem }) => (draft?.sentAt && !isBusy && !problem
  ? html`<div class="notice" role="status"><p>You sent this at ${time(draft.sentAt)}, and no answer came. It may have been carried out. Send it again as it is: it is done once.</p></div>`
  : nothing);

/** Another content was sent under the key of what was carried out. Only the person knows whether it is meant too. */
const asAnother = (dialog) => html`<label class="check"><input type="checkbox" id="another" required @change=${(event) => { dialog.isAnother = event.target.checked; }}> Keep what I sent before. This is another one.</label>`;

const reload = () => { const { draft, onConflict } = asked; closeDialog(); draft?.drop(); onConflict?.(); };

export const dialogView = () => html`<dialog aria-labelledby="dialog-title" @cancel=${(event) => { event.preventDefault(); if (!asked?.isBusy) closeDialog(); }}>
  ${asked ? html`<form method="dialog" @submit=${confirmDialog}>
    <h2 id="dialog-title">${asked.title}</h2>
    <div class="dialog-body">${sentBefore(asked)}${asked.body()}</div>
    ${asked.problem ? problemBox(asked.problem, asked.problem.isConflict && asked.onConflict ? reload : null) : nothing}
    ${asked.draft && asked.problem?.isOfAnother ? asAnother(asked) : nothing}
    <div class="buttons">
      <button type="button" class="button" ?disabled=${asked.isBusy} @click=${closeDialog}>Go back</button>
      <button type="submit" class="button ${asked.tone}" ?disabled=${asked.isBusy || !asked.isReady() || asked.problem?.isConflict}>${asked.isBusy ? "One moment…" : asked.confirm}</button>
    </div>
  </form>` : nothing}
</dialog>`;

/** A dialog that needs a reason. It is recorded with the person's name. `hint` says who reads it: support alone, if not given. */
export function askWhy({ title, label = "Reason", hint = "Recorded with your name. The customer does not see it.", intro, act, draft = draftOf(`${location.hash}/${title}`), ...rest }) {
  const words = () => draft.values.why || "";
  ask({
    ...rest,
    title,
    draft,
    body: () => html`${intro ? html`<div>${typeof intro === "function" ? intro() : intro}</div>` : nothing}${field("why", label,
      html`<textarea id="why" rows="3" required maxlength="1000" aria-describedby="why-hint" autofocus .value=${words()} @input=${(event) => draft.write("why", event.target.value)}></textarea>`,
      hint)}`,
    act: () => act(words().trim()),
  });
}

/** Open the form again that was open when its page was left: its button carries the draft's name. */
export const reopenDrafts = (names) => {
  const opener = names.map((one) => document.querySelector(`[data-draft="${CSS.escape(one)}"]`)).find(Boolean);
  opener?.click();
};

/** A list that grows by pages. `read` gets the cursor and returns the items and the next one. */
export class Listing {
  constructor(read) {
    this.read = read;
    this.items = [];
    this.next = null;
    this.reading = null; // the page that is on its way
    this.problem = null;
  }

  /** Read the next page. While one is on its way it is awaited, and none is read twice. */
  more() {
    return this.reading || this.#read(this.next, this.items);
  }

  /** Read the first page anew. What is still on its way is dropped, and whoever waits for it waits for this. */
  restart() {
    return this.#read(null, []);
  }

  #read(after, before) {
    const last = (use) => (result) => {
      if (this.reading !== reading) return this.reading;
      this.reading = null;
      use(result);
    };
    const reading = this.read(after).then(
      last((page) => { this.items = [...before, ...page.items]; this.next = page.next; redraw(); }),
      last((problem) => { throw problem; }),
    );
    this.reading = reading;
    this.problem = null;
    redraw();
    return reading;
  }

  /** What a list without items says. A page may be empty though there are more: then these are no last words. */
  empty(title, words) {
    return html`${this.next ? empty("Nothing so far", "There is more to look through.") : empty(title, words)}${this.button()}`;
  }

  button() {
    const grow = () => this.more().catch((problem) => { this.problem = problem; redraw(); });
    return html`${this.problem ? problemBox(this.problem) : nothing}${this.next
      ? html`<p class="more"><button type="button" class="button" ?disabled=${this.reading} @click=${grow}>${this.reading ? "Loading…" : "Show more"}</button></p>`
      : nothing}`;
  }
}
