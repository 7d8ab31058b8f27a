/** The dialog that asks for the API key. The key is sent as a header and kept in this tab only. */

import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { askForKey, askWith, currentKey, forgetKey, keepKey } from "../lib/key.js";
import { icon } from "./icons.js";

const GIVEN = "given";

/** The button of the header. The dialog also opens when a call is refused for want of a key; that call is sent again. */
export function signInButton() {
  const button = h("button", { class: "tool", type: "button", onclick: () => (currentKey() ? signOut() : signIn()) });
  const draw = () => {
    const label = t(currentKey() ? "key.sign_out" : "key.sign_in");
    button.setAttribute("aria-label", label);
    button.title = label;
    fill(button, icon(currentKey() ? "check" : "key"));
  };
  askWith(() => ask().finally(draw));
  draw();
  return button;
}

async function signIn() {
  if (await askForKey()) location.reload();
}

function signOut() {
  forgetKey();
  location.reload();
}

/** Whether the user has given a key. If not, one that was refused is forgotten. */
async function ask() {
  const dialog = makeDialog();
  document.body.append(dialog);
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve));
  dialog.remove();
  if (dialog.returnValue === GIVEN) return true;
  forgetKey();
  return false;
}

function makeDialog() {
  const field = /** @type {HTMLInputElement} */ (h("input", { id: "key", type: "password", autocomplete: "off", required: true }));
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "dialog", "aria-labelledby": "key-title" }));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    keepKey(field.value.trim());
    dialog.close(GIVEN);
  };
  fill(dialog, h("form", { class: "stack", onsubmit: submit },
    h("h2", { id: "key-title" }, t("key.title")),
    currentKey() && h("p", { class: "failure", role: "alert" }, t("key.refused")),
    h("p", { class: "muted" }, t("key.why")),
    h("label", { class: "field", for: "key" }, t("key.label"), field),
    h("div", { class: "row row--end" },
      h("button", { class: "button", type: "button", onclick: () => dialog.close() }, t("key.cancel")),
      h("button", { class: "button button--main", type: "submit" }, t("key.sign_in")))));
  return dialog;
}
