/** A short message at the foot of the page. That of an error stays until it is closed. */

import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { icon } from "./icons.js";

const SHOWN_MS = 6_000;

const place = h("div", { class: "toasts", role: "status" });
document.body.append(place);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hides;

/**
 * @param {string} text
 * @param {{isError?: boolean}} look
 */
export function tell(text, { isError = false } = {}) {
  clearTimeout(hides);
  const close = h("button", { class: "tool", type: "button", "aria-label": t("toast.close"), onclick: () => fill(place) }, icon("close"));
  fill(place, h("div", { class: `toast${isError ? " toast--bad" : ""}` }, icon(isError ? "warning" : "check"), h("p", {}, text), close));
  if (!isError) hides = setTimeout(() => fill(place), SHOWN_MS);
}
