/** The dialog that asks for the API key. The key is sent as a header and kept in this tab only. */

import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { forgetKey, hasKey, keepKey, keyEvents } from "../lib/key.js";
import { icon } from "./icons.js";

/** The button of the header; the dialog also opens when a call is refused for want of a key. */
export function signInButton() {
  const dialog = makeDialog();
  document.body.append(dialog);
  keyEvents.addEventListener("needed", () => dialog.open || dialog.showModal());
  return h("button", { class: "tool", type: "button", "aria-label": label(), title: label(), onclick: () => (hasKey() ? signOut() : dialog.showModal()) },
    icon(hasKey() ? "check" : "key"));
}

const label = () => t(hasKey() ? "key.sign_out" : "key.sign_in");

function signOut() {
  forgetKey();
  location.reload();
}

function makeDialog() {
  const field = /** @type {HTMLInputElement} */ (h("input", { id: "key", type: "password", autocomplete: "off", required: true }));
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "dialog", "aria-labelledby": "key-title" }));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    keepKey(field.value.trim());
    location.reload();
  };
  fill(dialog, h("form", { class: "stack", onsubmit: submit },
    h("h2", { id: "key-title" }, t("key.title")),
    h("p", { class: "muted" }, t("key.why")),
    h("label", { class: "field", for: "key" }, t("key.label"), field),
    h("div", { class: "row row--end" },
      h("button", { class: "button", type: "button", onclick: () => dialog.close() }, t("key.cancel")),
      h("button", { class: "button button--main", type: "submit" }, t("key.sign_in")))));
  return dialog;
}
