// An account: its credits and why they are so, its holds, its purchases, and one timeline of everything.

import { html, nothing } from "./lit-html.js";
import { get, path, post, remove } from "./api.js";
import { draftOf } from "./drafts.js";
import { answer, disputeLine, disputeState } from "./disputes.js";
import { credits, day, money, number, signed, time } from "./format.js";
import { askWhy, badge, cameFrom, card, crumbs, draw, empty, facts, field, Listing, problemBox, say, whyLink } from "./ui.js";
import { openCaseButton } from "./new_case.js";
import { actor, product, provider, reason, rule } from "./words.js";
import { ordersCard } from "./orders.js";
import { proposalCard } from "./proposals.js";

const KINDS = { delivery: "Events received", entry: "Credits", case: "Cases", act: "Acts of support", look: "Who looked", mail: "Mails" };
const USUAL = Object.keys(KINDS).filter((one) => one !== "look"); // looks are of interest to who asks for them
const KIND_WORDS = { delivery: "Event", event: "Event", entry: "Credits", case: "Case", act: "Support", look: "Look", mail: "Mail", order: "Order", fact: "Reported", run: "Run" };

export function accountPage(id) {
  let found = null;
  let unread = null; // why the account could not be read, though its timeline could
  let kinds = new Set();
  let problem = null;
  let unlisted = null; // why the purchases could not be read
  const purchases = new Listing(async (after) => {
    const page = await get(path("accounts", id, "purchases"), { limit: 20, after });
    return { items: page.purchases, next: page.next };
  });
  let leftOut = []; // kinds of which not all lines are read
  const timeline = new Listing(async (after) => {
    const page = await get(path("accounts", id, "timeline"), { kinds: [...(kinds.size ? kinds : USUAL)].join(","), limit: 50, after });
    leftOut = page.left_out;
    return { items: page.lines, next: page.next };
  });
  const load = async () => {
    const [account, lines, bought] = await Promise.allSettled([get(path("accounts", id)), timeline.restart(), purchases.restart()]);
    const isRefused = account.status === "rejected" && !account.reason.isUnanswered && account.reason.status !== 429;
    if (isRefused || (account.status === "rejected" && lines.status === "rejected")) throw account.reason;
    found = account.value || null;
    unread = account.reason || null;
    problem = lines.reason || null;
    unlisted = bought.reason || null;
  };
  const again = () => load().then(draw, (one) => { problem = one; draw(); });
  const toggle = (kind) => async () => {
    kinds.has(kind) ? kinds.delete(kind) : kinds.add(kind);
    draw();
    problem = null;
    await timeline.restart().catch((one) => { problem = one; });
    draw();
  };
  return {
    title: id,
    load,
    view: () => (unread ? html`<h1 tabindex="-1" class="id">${id}</h1>${problemBox(unread, again)}${timelineCard()}` : html`
      ${cameFrom() ? crumbs([], html`<span class="id">${found.account_id}</span>`) : nothing}<div class="head"><div><h1 tabindex="-1" class="id">${found.account_id}</h1>
        <p class="lead">${found.email || "No e-mail address on file"}${found.email_failing_since ? html` ${badge(["Mails come back", "bad"])}` : nothing}</p></div>
        <p class="badges">${badge(found.status === "active" ? ["Active", "good"] : ["Suspended", "bad"])}${found.flags.map((one) => html` <span title=${one.why}>${badge([rule(one.flag.split(":")[0]), "warn"])}</span>`)}</p></div>
      ${figures(found)}
      <div class="columns"><div>${why(found)}${purchasesCard()}</div>
      <aside aria-label="State and acts">
        ${found.proposals.map((one) => proposalCard(one, again))}
        ${locks(found)}${disputes(found)}${acts(found, again)}${holds(found, again)}${lots(found, bought())}${subscriptions(found)}${ordersCard(found.orders)}${cases(found, purchases.items)}
      </aside><div>${timelineCard()}</div></div>`),
  };

  /** What each lot was bought as, of the purchases that are listed. */
  function bought() {
    const lines = purchases.items.flatMap((one) => one.lines.map((line, at) => [one.lot_ids[at], `${credits(line.credits)} of ${day(one.paid_at)}, ${money(one.paid)}`]));
    return new Map(lines.reverse()); // payments for the same have the same lots: the original comes last
  }

  function purchasesCard() {
    return card("Purchases", html`${unlisted ? problemBox(unlisted, again) : nothing}
      ${purchases.items.length ? html`<ul class="plain-list ruled purchases">${purchases.items.map((one) => purchase(one, id))}</ul>` : unlisted || purchases.next ? nothing : html`<p class="soft">Nothing was bought.</p>`}${purchases.button()}`);
  }

  function timelineCard() {
    return card("Timeline", html`<div class="tabs" role="group" aria-label="Show only">${Object.entries(KINDS).map(([kind, words]) => html`<button type="button" aria-pressed=${kinds.has(kind)} @click=${toggle(kind)}>${words}</button>`)}</div>
      ${problem ? problemBox(problem, again) : nothing}
      ${leftOut.length ? html`<p class="notice" role="status">This account has very many ${leftOut.map((one) => KINDS[one].toLowerCase()).join(" and ")}: some of them are left out here. Search by the id of one to see it.</p>` : nothing}
      ${timeline.items.length ? linesView(timeline.items, id) : problem || timeline.next ? nothing : empty("Nothing here", "Nothing of these kinds has happened.")}${timeline.button()}`);
  }
}

/** Its words, without what stands beside them: the kind, and the case's id if it leads there. */
const wordsOf = (one) => one.words.replace(/^(event|mail) /, "").replace(one.go?.page === "case" ? `${one.go.id}: ` : "", "").replace(/^./, (first) => (one.kind === "case" || one.kind === "mail" ? first.toUpperCase() : first));

const purchaseName = (one) => one.lines.map((line) => product(line.product_id)).join(", ") || "No credits";

/** Where the money of a purchase is. */
function stateOf(one) {
  const [dispute] = one.disputes;
  const pending = one.refunds.filter((refund) => ["pending", "requires_action"].includes(refund.state));
  const back = one.refunded.amount_minor;
  return html`${back >= one.paid.amount_minor && back ? badge(["Refunded", "quiet"]) : back ? badge([`${money(one.refunded)} refunded`, "quiet"]) : badge(["Paid", "good"])}
    ${pending.length ? badge(["Refund under way", "accent"]) : nothing}${dispute ? html` <span class="soft small">Dispute:</span> ${disputeState(dispute.state)}` : nothing}${one.is_duplicate ? html` ${badge(["Paid twice", "warn"])}` : nothing}`;
}

const purchase = (one, accountId) => html`<li><p><b>${purchaseName(one)}</b> <span class="amount">${money(one.paid)}</span></p>
  <p class="small"><span class="soft">${time(one.paid_at)}</span> ${stateOf(one)}</p>
  ${one.refunds.map((refund) => html`<p class="soft small">Refund of ${money(refund.amount)}, ${rule(refund.state).toLowerCase()}, ${time(refund.created_at)} <span class="id">${refund.refund_id}</span></p>`)}
  <p class="soft small">${one.invoice_number ? html`Invoice ${one.invoice_number} · ` : nothing}${provider(one.provider)} ${whyLink(one.purchase_id, accountId)}${one.order_id ? html` · Order ${whyLink(one.order_id, accountId)}` : nothing}${one.subscription_id ? html` · Subscription ${whyLink(one.subscription_id, accountId)}` : nothing}</p></li>`;

/** Lines of a timeline or of a chain. */
export const linesView = (lines, accountId) => html`<ol class="timeline">${lines.map((one) => html`<li class=${one.is_open ? "open" : ""}>
  <p><span class="kind">${KIND_WORDS[one.kind] || rule(one.kind)}</span> <span title=${one.lot_id ? `Lot ${one.lot_id}` : nothing}>${wordsOf(one)}</span> ${one.is_open ? badge(["Open", "warn"]) : nothing}</p>
  ${one.credits !== null && one.credits !== undefined ? html`<p class="moved"><b class=${one.credits < 0 ? "minus" : one.credits ? "plus" : "soft"}>${signed(one.credits)}</b>${one.balance !== null && one.balance !== undefined ? html`<span class="soft">balance ${number(one.balance)}</span>` : nothing}</p>` : nothing}
  <p class="soft small">${time(one.at)}${one.actor ? html` · ${actor(one.actor)}` : nothing}${goLink(one, accountId)}</p></li>`)}</ol>`;

const goLink = (one, accountId) => {
  if (!one.go) return nothing;
  const to = { account: "accounts", case: "cases", parked: "parked", why: "why" }[one.go.page];
  const more = to === "why" && accountId ? `?account=${encodeURIComponent(accountId)}` : "";
  const words = to === "why" ? "Explain" : one.go.id;
  return to ? html` · <a class=${to === "why" ? "" : "id"} href="#/${to}/${encodeURIComponent(one.go.id)}${more}" aria-label="${words} ${one.go.id}">${words}</a>` : nothing;
};

const figures = (found) => html`<dl class="tiles">${[
  ["Spendable", found.spendable, "strong"],
  ["Balance", found.balance],
  ["Frozen", found.frozen, "", "A dispute of their payment is open"],
  ["Reserved", found.reserved, "", "For a refund that is under way"],
  ["Locked", found.locked, "", "They wait for a consent, or for a decision about a withdrawal"],
  ["Debt", found.shortfall, "", "Credits that were used before their money went back"],
].filter(([name, count]) => count || ["Spendable", "Balance"].includes(name)).map(([name, count, extra = "", hint = ""]) => html`<div class=${extra} title=${hint || nothing}><dt>${name}</dt><dd>${number(count)}</dd></div>`)}</dl>`;

const why = (found) => card("Why this balance", html`<ul class="reasons">${found.balance_explained.map((one) => html`<li>${one}</li>`)}</ul>
  <p class="small"><a href="#/why/${encodeURIComponent(found.account_id)}">The whole chain</a></p>`);

// What an order's credits wait for: why they are locked, and what unlocks them.
const LOCKS = {
  consent: ["The customer has not asked us to begin before the right of withdrawal ends.", "Unlocked when the customer asks us to, on the shop's page of the order"],
  confirmation: ["Our mail that confirms the customer's consent was not accepted for delivery yet.", "Unlocked when that mail is accepted"],
  decision: ["The customer withdraws from the contract, and nobody has decided about it yet.", "Unlocked, or taken back, by that decision"],
};

const locks = (found) => (found.locks.length ? card("Locked credits", html`<p class="soft">They are the customer's, and can't be spent yet.</p>
  <ul class="plain-list ruled">${found.locks.map((one) => html`<li><p><b>${credits(one.credits)}</b> ${badge(["Locked", "warn"])}</p><p>${LOCKS[one.missing][0]}</p>
    <p class="soft small">${LOCKS[one.missing][1]}${one.until ? html`, or by themselves when the right of withdrawal ends, ${time(one.until)}` : nothing}.${one.order_id ? html` Order ${whyLink(one.order_id, found.account_id)}` : nothing}</p></li>`)}</ul>`) : nothing);

const disputes = (found) => (found.open_disputes.length ? card("Open disputes", html`<ul class="plain-list ruled">${found.open_disputes.map((one) => html`<li>${disputeLine(one)}${answer(one, one.state === "taken")}</li>`)}</ul>
  <p><a class="button" href="#/evidence/${encodeURIComponent(found.account_id)}">Evidence for the bank</a></p>`) : nothing);

function holds(found, again) {
  const nameOf = (hold) => `lift/${found.account_id}/${hold.hold_id}`;
  const lift = (hold) => () => askWhy({
    draft: draftOf(nameOf(hold)),
    title: "Lift this hold?",
    confirm: "Lift it",
    intro: html`<span class="id">${hold.hold_id}</span>. Later events of the same dispute do not place it again.${found.holds.length > 1 ? " The account stays suspended: it has other holds." : " The account can spend again."}`,
    act: (reason) => remove(path("accounts", found.account_id, "holds", hold.hold_id), { why: reason }),
    after: (done) => { if (done) say(done.changed ? "The hold is lifted." : "It was lifted already."); again(); },
    onConflict: again,
  });
  return card("Holds", found.holds.length ? html`<ul class="plain-list ruled">${found.holds.map((one) => html`<li><p><b class="id">${one.hold_id}</b></p><p class="soft">The customer reads: “${one.words}”</p><p class="soft small">Since ${time(one.since)}</p>
    <button type="button" class="button" data-draft=${nameOf(one)} @click=${lift(one)}>Lift…</button>${one.hold_id.startsWith("dispute:") ? html` <a class="button" href="#/evidence/${encodeURIComponent(found.account_id)}">Evidence for the bank</a>` : nothing}</li>`)}</ul>` : html`<p class="soft">None: nothing suspends the account.${found.spendable || !found.balance ? "" : " Its credits can't be spent all the same: see above."}</p>`);
}

function acts(found, again) {
  const adjustments = `adjust/${found.account_id}`;
  const suspension = `hold/${found.account_id}`;
  const adjust = () => {
    const draft = draftOf(adjustments, { count: "" });
    const lately = new Lately(found.account_id);
    askWhy({
      draft,
      title: "Adjust credits",
      confirm: "Adjust",
      isReady: () => lately.isRead,
      intro: () => html`${lately.view(draft)}${field("count", "Credits", html`<input id="count" inputmode="numeric" required pattern="-?[1-9][0-9]{0,7}" autocomplete="off" .value=${draft.values.count} @input=${(event) => draft.write("count", event.target.value.trim())} aria-describedby="count-hint">`, "Given out of goodwill. Below 0: taken back of what was given so.")}`,
      act: (reason) => post(path("accounts", found.account_id, "adjustments"), { credits: Number(draft.values.count), why: reason }, draft.key),
      after: (done) => { if (done) say(`${signed(done.credits)} credits are booked.`); again(); },
      onConflict: again,
    });
  };
  const hold = () => {
    const draft = draftOf(suspension, { name: "" });
    askWhy({
      draft,
      title: "Suspend this account?",
      confirm: "Suspend it",
      tone: "danger",
      intro: () => html`The account can spend nothing until this hold is lifted.${field("hold", "Short name", html`<input id="hold" required pattern="[a-z0-9_-]{1,64}" autocomplete="off" spellcheck="false" placeholder="stolen-card" .value=${draft.values.name} @input=${(event) => draft.write("name", event.target.value.trim())} aria-describedby="hold-hint">`, "Lower-case letters, digits and hyphens.")}`,
      act: (reason) => post(path("accounts", found.account_id, "holds"), { hold_id: `support:${draft.values.name}`, why: reason }),
      after: () => { say("The account is suspended."); again(); },
      onConflict: again,
    });
  };
  return card("Act", html`<div class="buttons column">${openCaseButton({ account_id: found.account_id })}
    <button type="button" class="button" data-draft=${adjustments} @click=${adjust}>Adjust credits…</button><button type="button" class="button" data-draft=${suspension} @click=${hold}>Suspend…</button></div>`);
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** What was adjusted in the last day, by whomever, in whichever tab. Who adjusts again says that it is another one. */
class Lately {
  constructor(accountId) {
    this.lines = [];
    this.isRead = false;
    get(path("accounts", accountId, "timeline"), { kinds: "act", limit: 20 }).then((page) => {
      const since = Date.now() - DAY_MS;
      this.lines = page.lines.filter((one) => one.words.startsWith(`${one.actor} booked the adjustment `) && Date.parse(one.at) > since);
    }).catch(() => {}).finally(() => { this.isRead = true; draw(); }); // without it, the key alone tells two of them apart
  }

  view(draft) {
    if (!this.lines.length) return nothing;
    return html`<div class="notice"><div><p>Adjusted in the last 24 hours:</p>
      <ul>${this.lines.map((one) => html`<li>${one.words} <span class="soft small">${time(one.at)}</span></li>`)}</ul>
      ${draft.sentAt ? nothing : html`<label class="check"><input type="checkbox" id="lately" required> This is another adjustment</label>`}</div></div>`;
  }
}

const lots = (found, bought) => card("What is left, by purchase", found.lots.length ? html`<ul class="plain-list ruled">${found.lots.map((one) => html`<li>
  <p><b>${number(one.remaining)}</b> <span class="soft">of ${credits(one.granted)}</span> ${one.is_frozen ? badge(["Frozen", "warn"]) : nothing}${one.locked_until && new Date(one.locked_until) > Date.now() && found.locked ? badge(["Locked", "warn"]) : nothing}</p>
  <p class="soft small">${whyLink(one.lot_id, found.account_id, bought.get(one.lot_id) || (one.lot_id.startsWith("goodwill/") ? "Given, not bought" : ""))}${one.expires_at ? html` · expires ${day(one.expires_at)}` : " · never expires"}${one.owed ? ` · owes ${number(one.owed)}` : ""}</p></li>`)}</ul>` : html`<p class="soft">No credits are left.</p>`);

const subscriptions = (found) => (found.subscriptions.length ? card("Subscriptions", found.subscriptions.map((one) => facts([
  ["Plan", product(one.product_id)],
  ["State", rule(one.status)],
  [one.cancel_at ? "Ends" : "Renews", day(one.cancel_at || one.period_end)],
  ["Id", whyLink(one.subscription_id, found.account_id)],
]))) : nothing);

const cases = (found, purchases) => (found.open_cases.length ? card("Open cases", html`<ul class="plain-list">${found.open_cases.map((one) => html`<li><a href="#/cases/${one.case_id}">${reason(one.reason)}</a> <span class="soft small" title=${one.purchase_id}>${about(purchases.find((two) => two.purchase_id === one.purchase_id)) || html`<span class="id">${one.purchase_id}</span>`}</span></li>`)}</ul>`) : nothing);

const about = (one) => (one ? `${purchaseName(one)}, ${money(one.paid)}` : "");
