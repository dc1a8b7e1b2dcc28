// Drafts: what somebody writes in a form, and the key under which it is sent, until its answer is known.
//
// A response can be lost, and a sign-in can end while somebody writes. So a draft outlives its form: it is kept in
// sessionStorage, for the person who wrote it. It is dropped once its act is answered, and with "Sign out".
//
//   written ──► sent ──► answered: dropped
//      ▲          └────► no answer: a new form sends under the same key, so that it is done once, whatever became of it

import { newKey } from "./api.js";
import { signedIn } from "./session.js";

const PLACE = "console.drafts";
let kept = null; // { who, forms: { name: { values, key, sentAt, isOpen } } }

function forms() {
  const who = signedIn()?.id ?? kept?.who ?? ""; // a draft that is answered after the sign-in has ended is its writer's
  if (kept?.who !== who) {
    try {
      kept = JSON.parse(sessionStorage.getItem(PLACE) || "null");
    } catch {
      kept = null;
    }
    if (kept?.who !== who) {
      kept = { who, forms: {} };
      sessionStorage.removeItem(PLACE); // nobody gets what another person wrote
    }
  }
  return kept.forms;
}

function keep() {
  try {
    if (Object.keys(kept.forms).length) sessionStorage.setItem(PLACE, JSON.stringify(kept));
    else sessionStorage.removeItem(PLACE);
  } catch {
    // The browser keeps nothing: what is written lasts until this page is left.
  }
}

/** Forget all drafts: the person has signed out. */
export function dropDrafts() {
  kept = null;
  sessionStorage.removeItem(PLACE);
}

/** Return the names of the forms that were open, with something in them, when their page was left. */
export const openDrafts = () => Object.entries(forms()).filter(([, one]) => one.isOpen).map(([name]) => name);

/** Return the draft of a form, with what was written before. `empty` is what the form starts with. */
export function draftOf(name, empty = {}) {
  const before = forms()[name];
  return new Draft(name, { ...empty, ...before?.values }, before);
}

class Draft {
  constructor(name, values, before) {
    this.name = name;
    this.values = values;
    this.key = before?.key || newKey(); // the same act under the same key is carried out once
    this.sentAt = before?.sentAt || null; // it was sent then, and no answer has come
    this.isOpen = false;
  }

  /** Keep what was written into a field. */
  write(field, value) {
    this.values[field] = value;
    this.#keep();
  }

  open(isOpen) {
    this.isOpen = isOpen;
    if (this.name in forms()) this.#keep();
  }

  /** It is on its way: from now on it may have been carried out. */
  send() {
    this.sentAt ||= new Date().toISOString();
    this.#keep();
  }

  /** It was answered, and not carried out. */
  refused() {
    this.sentAt = null;
    this.#keep();
  }

  /** It is to be another act than the one that was sent. */
  renew() {
    this.key = newKey();
    this.refused();
  }

  /** It was carried out, or is given up. */
  drop() {
    delete forms()[this.name];
    keep();
  }

  #keep() {
    forms()[this.name] = { values: this.values, key: this.key, sentAt: this.sentAt, isOpen: this.isOpen };
    keep();
  }
}
