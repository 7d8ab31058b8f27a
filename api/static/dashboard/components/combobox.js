/** A button that opens a list of names to choose from, with a field to search in it. */

import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { number } from "../lib/format.js";
import { icon } from "./icons.js";

/** @typedef {{name: string, count: number}} Choice */

const MOST_SHOWN = 200;

/**
 * @param {string} label
 * @param {Choice[]} choices
 * @param {string[]} chosen
 * @param {(chosen: string[]) => void} changed
 */
export function combobox(label, choices, chosen, changed) {
  const list = h("ul", { class: "choices" });
  const search = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: t("filter.search"), "aria-label": t("filter.search_in", { label }), oninput: () => draw() }));
  const kept = new Set(chosen);
  const text = () => (kept.size ? t("filter.chosen", { label, names: kept.size === 1 ? [...kept][0] : number(kept.size) }) : label);
  const shown = h("span", { class: "clip" }, text());
  const opener = h("summary", { class: "button" }, shown, icon("down"));
  const box = /** @type {HTMLDetailsElement} */ (h("details", { class: "pop" }, opener, h("div", { class: "pop__panel stack" }, search, list)));
  const toggle = (/** @type {string} */ name) => {
    if (!kept.delete(name)) kept.add(name);
    fill(shown, text());
    changed([...kept]);
  };
  const draw = () => {
    const found = choices.filter((choice) => plain(choice.name).includes(plain(search.value)));
    fill(list, found.slice(0, MOST_SHOWN).map((choice) => line(choice, kept.has(choice.name), toggle)),
      found.length === 0 && h("li", { class: "muted" }, t("filter.none_found")),
      found.length > MOST_SHOWN && h("li", { class: "muted" }, t("filter.more", { n: number(found.length - MOST_SHOWN) })));
  };
  box.addEventListener("toggle", () => {
    if (!box.open) return;
    draw();
    search.focus();
  });
  closeFromOutside(box, opener);
  return box;
}

/** @param {Choice} choice @param {boolean} checked @param {(name: string) => void} toggle */
function line(choice, checked, toggle) {
  return h("li", {}, h("label", { class: "choice" },
    h("input", { type: "checkbox", checked, onchange: () => toggle(choice.name) }),
    h("span", {}, choice.name),
    h("span", { class: "muted" }, number(choice.count))));
}

/**
 * Closes a box on Escape, and when the focus or a click goes elsewhere.
 * @param {HTMLDetailsElement} box
 * @param {HTMLElement} opener
 */
export function closeFromOutside(box, opener) {
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    box.open = false;
    opener.focus();
  });
  box.addEventListener("focusout", (event) => {
    const next = /** @type {Node | null} */ (event.relatedTarget);
    if (next && !box.contains(next)) box.open = false;
  });
  const outside = (/** @type {Event} */ event) => {
    if (!box.isConnected) document.removeEventListener("pointerdown", outside);
    else if (!box.contains(/** @type {Node} */ (event.target))) box.open = false;
  };
  document.addEventListener("pointerdown", outside);
}

/**
 * Without case and accents, as the API compares names.
 * @param {string} text
 */
function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
