/** A card with a title. */

import { h } from "../lib/dom.js";

/**
 * @param {string} id
 * @param {string} title
 * @param {...(import("../lib/dom.js").Child)} children
 */
export function card(id, title, ...children) {
  return h("section", { class: "card", id, "aria-labelledby": `${id}-title`, tabindex: "-1" }, h("h2", { id: `${id}-title` }, title), ...children);
}
