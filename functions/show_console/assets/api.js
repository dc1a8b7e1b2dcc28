// Calls of the support API. What it refuses becomes a Problem, which says in words what is wrong.

import { signedIn, signOut } from "./session.js";

const HEADINGS = {
  "refused": "This can't be done any more",
  "case-open": "There is an open case already",
  "forbidden": "You may not do this",
  "not-found": "There is nothing with this id",
  "invalid-request": "Something in the form is not right",
  "idempotency-key-reused": "What you sent before was carried out",
  "incident-changed": "The figures have changed since the preview",
  "unavailable": "The ledger did not respond",
  "provider-unavailable": "The payment provider did not respond",
  "provider-refused": "The payment provider refused this",
};

/** What a person reads instead of the API's own words, which are for who writes a client. */
const DETAILS = {
  "idempotency-key-reused": "It had another content than this. Look at the current state: is this meant as well?",
};

/** The sentence about the one field that is wrong, without the field's name in the API. */
const onlyError = (document) => (codeOf(document) === "invalid-request" && document.errors?.length === 1 ? document.errors[0].message : "");

const LOOK_FAILED = "It could not be read. Nothing was changed. Try again in a moment.";

const codeOf = (document) => String(document.type || "").split(":").pop();

/** What the API refused, or could not do. `code` is the last part of the problem's type. */
export class Problem extends Error {
  constructor(status, document = {}, isLook = false) {
    super((isLook && status >= 500 ? LOOK_FAILED : "") || DETAILS[codeOf(document)] || onlyError(document) || document.detail || document.message || `The server answered with status ${status}.`);
    this.status = status;
    this.code = codeOf(document);
    this.document = document;
    this.errors = document.errors || [];
  }

  get heading() {
    if (this.status === 0) return "No connection";
    if (this.status === 401) return "Your sign-in has ended";
    if (this.status === 429) return "Too many requests at once";
    return HEADINGS[this.code] || (this.status === 403 ? HEADINGS.forbidden : this.status >= 500 ? "Something failed on our side" : "This was refused");
  }

  /** Whether the request may have been carried out all the same: its answer was lost, or is none. */
  get isUnanswered() {
    return this.status === 0 || this.status >= 500;
  }

  /** Whether what was sent under this key before was carried out, and this is another content. */
  get isOfAnother() {
    return this.code === "idempotency-key-reused";
  }

  /** Whether somebody was faster: what the page shows is not what stands. */
  get isConflict() {
    return this.status === 409 && this.code !== "second-person-needed";
  }
}

/** Build a path of parts; each is encoded. */
export const path = (...parts) => `/support/${parts.map((one) => encodeURIComponent(one)).join("/")}`;

export const get = (address, query) => call("GET", address, { query });

/** Send an act. `key`: the same act with the same key is carried out once, however often it is sent. */
export const post = (address, body, key) => call("POST", address, { body, key });

export const remove = (address, query) => call("DELETE", address, { query });

async function call(method, address, { query, body, key } = {}) {
  const url = new URL(address, location.origin);
  for (const [name, value] of Object.entries(query || {})) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  const isLook = method === "GET";
  const headers = { authorization: `Bearer ${signedIn()?.token || ""}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  let response;
  try {
    response = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "omit", cache: "no-store" });
  } catch {
    throw new Problem(0, { detail: `The server can't be reached. Check your connection.${isLook ? "" : " Sending the same again is safe: it is done once."}` });
  }
  const document = await response.json().catch(() => ({}));
  if (response.status === 401) {
    const ended = new Problem(401, { detail: "Sign in again to go on. Nothing was changed, and what you wrote is kept." });
    signOut(ended);
    throw ended;
  }
  if (response.status === 403 && !document.detail) {
    throw new Problem(403, { detail: "Your sign-in is not one of support staff. The console is for them only." });
  }
  if (!response.ok) throw new Problem(response.status, document, isLook);
  return document;
}

/** A key for one act. A form's draft keeps it until the act is answered: see drafts.js. */
export const newKey = () => crypto.randomUUID();
