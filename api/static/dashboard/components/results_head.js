/** The head of the results: where they come from, and what can be done with all of them. */

import { sentence } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { download } from "../lib/download.js";
import { t } from "../lib/i18n.js";

/**
 * @param {HTMLElement} origin
 * @param {{params: () => import("../lib/api.js").Params, link: () => string}} view What the page shows now.
 */
export function resultsHead(origin, view) {
  const message = h("span", { class: "muted small", role: "status" });
  const save = async () => {
    try {
      await download("metrics/all", { ...view.params(), format: "xlsx" });
      fill(message);
    } catch (error) {
      fill(message, sentence(error));
    }
  };
  const copy = async () => {
    const link = view.link();
    const isCopied = await navigator.clipboard.writeText(link).then(() => true, () => false);
    fill(message, isCopied ? t("results.copied") : link);
  };
  return h("header", { class: "row row--apart" },
    h("div", {}, h("h1", {}, t("results.title")), origin),
    h("div", { class: "row" }, message,
      h("button", { class: "button", type: "button", onclick: copy }, t("results.link")),
      h("button", { class: "button", type: "button", onclick: save }, t("results.workbook")),
      h("button", { class: "button", type: "button", onclick: () => print() }, t("results.print")),
      h("a", { class: "button button--main", href: "jobs" }, t("results.add"))));
}
