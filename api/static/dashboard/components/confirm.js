/** A question in a dialog, with a button for each answer. */

import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/**
 * Asks; the answer is empty if the user wants none of it.
 * @param {string} title
 * @param {string} text
 * @param {[string, string][]} answers Names of answers and their texts, the usual one first.
 * @returns {Promise<string>}
 */
export function confirm(title, text, answers) {
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "dialog", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" }));
  const button = (/** @type {[string, string]} */ [name, label], /** @type {number} */ place) =>
    h("button", { class: `button${place === 0 ? " button--main" : ""}`, type: "button", onclick: () => dialog.close(name) }, label);
  fill(dialog, h("div", { class: "stack" },
    h("h2", { id: "confirm-title" }, title),
    h("p", { id: "confirm-text" }, text),
    h("div", { class: "row row--end" },
      h("button", { class: "button", type: "button", onclick: () => dialog.close("") }, t("confirm.no")),
      answers.map(button).reverse())));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(dialog.returnValue);
  }));
}
