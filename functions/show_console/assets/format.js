// Money, credits and times, as the reader's locale writes them. Money is a whole number of minor units: it is never
// divided, only written with its decimal point.

import { html, nothing } from "./lit-html.js";

// The decimals of the ledger, which are not always those of the locale's data.
const WITHOUT_DECIMALS = ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];
const WITH_THREE_DECIMALS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

export const decimalsOf = (currency) => (WITHOUT_DECIMALS.includes(currency) ? 0 : WITH_THREE_DECIMALS.includes(currency) ? 3 : 2);

/** 1999, EUR → "19.99". */
export function decimal(minor, currency) {
  const decimals = decimalsOf(currency);
  const digits = String(Math.abs(minor)).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  return `${minor < 0 ? "-" : ""}${whole}${decimals ? `.${digits.slice(-decimals)}` : ""}`;
}

/** "19.99" or "19,99", EUR → 1999. null: it is no amount of this currency. */
export function minorOf(text, currency) {
  const found = /^(\d{1,9})(?:[.,](\d+))?$/.exec(text.trim());
  const decimals = decimalsOf(currency);
  if (!found || (found[2] || "").length > decimals) return null;
  return Number(found[1] + (found[2] || "").padEnd(decimals, "0"));
}

/** An amount in the locale's form. */
export function money(amount) {
  if (!amount) return "–";
  const decimals = decimalsOf(amount.currency);
  const form = { style: "currency", currency: amount.currency, minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return new Intl.NumberFormat(undefined, form).format(decimal(amount.amount_minor, amount.currency));
}

/** An amount of a proposal: credits, or minor units of a currency. */
export const quantity = (amount, unit) => (unit === "credits" ? credits(amount) : unit ? money({ amount_minor: amount, currency: unit }) : "–");

export const number = (count) => new Intl.NumberFormat().format(count);
export const credits = (count) => `${number(count)} ${Math.abs(count) === 1 ? "credit" : "credits"}`;
export const signed = (count) => new Intl.NumberFormat(undefined, { signDisplay: "exceptZero" }).format(count);

const HOUR = { hour: "2-digit", minute: "2-digit" };
const DAY = { day: "numeric", month: "short" };
const LOCAL = { ...DAY, ...HOUR, year: "numeric" };

/** A time in the reader's zone, with UTC beside it. The year is written if it is another one. */
export function time(iso) {
  if (!iso) return "–";
  const at = new Date(iso);
  const here = { ...DAY, ...HOUR, ...(at.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }) };
  const words = new Intl.DateTimeFormat(undefined, here).format(at);
  const isOtherDay = at.getDate() !== at.getUTCDate();
  const utc = new Intl.DateTimeFormat(undefined, { ...(isOtherDay ? DAY : {}), ...HOUR, hourCycle: "h23", timeZone: "UTC" }).format(at);
  return html`<time datetime=${iso} title=${iso}><span>${words}</span> <span class="utc">${at.getTimezoneOffset() ? `${utc} UTC` : "UTC"}</span></time>`;
}

/** A day without a time. */
export const day = (iso) => (iso ? new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(iso)) : "–");

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

/** "3 hours ago", "in 2 days", with the time itself as its title. */
export function ago(iso) {
  if (!iso) return nothing;
  const seconds = Math.round((new Date(iso) - Date.now()) / 1000);
  const [unit, size] = UNITS.find(([, one]) => Math.abs(seconds) >= one) || ["second", 1];
  const words = unit === "second" ? "now" : new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
  const full = new Intl.DateTimeFormat(undefined, { ...LOCAL, timeZoneName: "short" }).format(new Date(iso));
  return html`<time datetime=${iso} title="${full} · ${iso}">${words}</time>`;
}

/** "29 days": how long ago a time is, with the time itself as its title. */
export function waitedFor(iso) {
  const seconds = Math.max(0, Math.round((Date.now() - new Date(iso)) / 1000));
  const [unit, size] = UNITS.find(([, one]) => seconds >= one) || ["minute", 60];
  const words = new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "long" }).format(Math.trunc(seconds / size));
  const full = new Intl.DateTimeFormat(undefined, { ...LOCAL, timeZoneName: "short" }).format(new Date(iso));
  return html`<time datetime=${iso} title="Since ${full} · ${iso}">${words}</time>`;
}

/** Days until a time; below 0: it is over. */
export const daysUntil = (iso) => Math.floor((new Date(iso) - Date.now()) / 86400000);
