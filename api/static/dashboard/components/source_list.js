/** The files that are there already, to choose one of them. */

import { isAbort, sentence } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { bytes, moment } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { askSources, deleteSource } from "../lib/sources.js";
import { confirm } from "./confirm.js";
import { icon } from "./icons.js";
import { failure, skeleton } from "./states.js";
import { tell } from "./toast.js";
import { endWithRow } from "./whole_rows.js";

/** @typedef {import("../lib/sources.js").Source} Source */

/** Up to this number of files, a field to search them would be in the way. */
const FEW = 6;

export class SourceList {
  /** @param {(source: Source) => void} chosen */
  constructor(chosen) {
    this.chosen = chosen;
    /** @type {Source[]} */
    this.sources = [];
    this.calls = new AbortController();
    this.search = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: t("filter.search"), "aria-label": t("source.search"), hidden: true, oninput: () => this.#draw() }));
    this.list = h("div", { class: "sources__list" }, skeleton(4));
    this.element = h("section", { class: "sources", "aria-labelledby": "sources-title" },
      h("header", { class: "row row--apart" }, h("h2", { id: "sources-title" }, t("source.title")), this.search), this.list);
  }

  async load() {
    this.calls.abort();
    this.calls = new AbortController();
    try {
      this.sources = await askSources(this.calls.signal);
      this.#draw();
    } catch (error) {
      if (!isAbort(error)) fill(this.list, failure(error, () => this.load()));
    }
  }

  #draw() {
    this.search.hidden = this.sources.length <= FEW;
    const text = this.search.value.toLowerCase();
    const found = this.sources.filter((source) => source.name.toLowerCase().includes(text));
    const lines = h("ul", {}, found.map((source) => this.#line(source)));
    fill(this.list, lines,
      found.length === 0 && h("p", { class: "muted" }, t(text ? "filter.none_found" : "source.none")));
    endWithRow(this.list, lines, "li");
  }

  /** @param {Source} source */
  #line(source) {
    const facts = [bytes(source.bytes), moment(source.modified_at), t(source.uploaded ? "source.uploaded" : "source.data")];
    return h("li", { class: "source" },
      h("button", { class: "source__name", type: "button", onclick: () => this.chosen(source) },
        icon("file"), h("span", { class: "source__text" }, h("span", {}, source.name), h("span", { class: "muted small" }, facts.join(" · ")))),
      source.uploaded && h("button", { class: "tool", type: "button", "aria-label": t("source.delete", { name: source.name }), title: t("source.delete", { name: source.name }), onclick: () => this.#delete(source) }, icon("trash")));
  }

  /** @param {Source} source */
  async #delete(source) {
    if (!(await confirm(t("source.delete_title"), t("source.delete_why", { name: source.name }), [["delete", t("source.delete_yes")]]))) return;
    try {
      await deleteSource(source.name);
      tell(t("source.deleted", { name: source.name }));
      await this.load();
      this.list.querySelector("button")?.focus();
    } catch (error) {
      tell(sentence(error), { isError: true });
    }
  }
}
