/** Placeholders: loading, empty, error. */

import { isAbort, sentence } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/**
 * Grey blocks that stand for content until it is loaded.
 * @param {number} [lines]
 */
export function skeleton(lines = 3) {
  const blocks = Array.from({ length: lines }, () => h("span", { class: "skeleton__line" }));
  return h("div", { class: "skeleton", role: "status", "aria-label": t("state.loading") }, blocks);
}

/**
 * Says that there is nothing yet, and what to do.
 * @param {string} title
 * @param {string} text
 * @param {...Node} actions
 */
export function empty(title, text, ...actions) {
  return h("section", { class: "empty" }, h("h2", {}, title), h("p", { class: "muted" }, text), h("div", { class: "row row--middle" }, actions));
}

/**
 * A failure in one sentence, with a button to try again; null if the call was only given up.
 * @param {unknown} error
 * @param {() => void} retry
 */
export function failure(error, retry) {
  if (isAbort(error)) return null;
  return h("div", { class: "failure", role: "alert" },
    h("p", {}, sentence(error)),
    h("button", { class: "button", type: "button", onclick: retry }, t("state.retry")));
}
