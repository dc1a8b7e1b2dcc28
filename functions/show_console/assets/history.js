// Who has looked at something, and who did what about it and why: of what may belong to no account.

import { html, nothing } from "./lit-html.js";
import { linesView } from "./account.js";
import { card } from "./ui.js";

export const historyCard = (history) => card("Who has looked, and who did what", html`${linesView(history.lines)}
  ${history.is_cut ? html`<p class="soft small">The newest are shown. There are older ones.</p>` : nothing}`);
