/** A chart with its title, what it means, its table instead, and its downloads. */

import { ApiError, ask, isAbort, sentence } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { curl, download } from "../lib/download.js";
import { cell, isNumeric } from "../lib/format.js";
import { language, t } from "../lib/i18n.js";
import { theme } from "../lib/themes.js";
import { drawChart } from "./chart.js";
import { closeFromOutside } from "./combobox.js";
import { icon } from "./icons.js";
import { failure, skeleton } from "./states.js";
import { table } from "./table.js";

/**
 * @typedef {object} Metric An entry of the catalogue.
 * @property {string} name
 * @property {string} definition
 * @property {{name: string, unit: string}[]} columns
 */
/**
 * @typedef {object} View What the page shows now.
 * @property {import("../lib/api.js").Params} params The filters.
 * @property {string | null} currency
 * @property {AbortSignal} signal
 */

const FILES = ["csv", "xlsx", "png", "svg"];

export class ChartCard {
  /**
   * @param {Metric} metric
   * @param {{height?: number, wide: boolean}} look
   * @param {(metric: string, datum: Record<string, unknown>) => void} pick
   */
  constructor(metric, look, pick) {
    this.metric = metric;
    this.look = look;
    this.pick = pick;
    this.isTable = false;
    /** @type {View | null} */
    this.view = null;
    this.place = h("div", { class: "chart" }, skeleton(6));
    this.notes = h("p", { class: "muted small" });
    this.message = h("span", { class: "muted small", role: "status" });
    this.switch = h("button", { class: "button button--plain button--small", type: "button", onclick: () => this.#flip() }, t("chart.as_table"));
    this.element = this.#make();
  }

  get isInView() {
    const { top, bottom } = this.element.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }

  /**
   * Says that the metric is about to be shown with other filters: until then it looks busy, and its files have them.
   * @param {View} view
   */
  expect(view) {
    this.view = view;
    this.place.setAttribute("aria-busy", "true");
  }

  /**
   * Shows the metric with other filters. The old chart stays until the new one is there.
   * @param {View} view
   */
  async show(view) {
    this.expect(view);
    try {
      await (this.isTable ? this.#showTable(view) : this.#showChart(view));
    } catch (error) {
      const staysOld = error instanceof ApiError && error.isAway && this.place.querySelector(".chart__picture, table");
      if (!isAbort(error) && !staysOld) fill(this.place, failure(error, () => this.show(view)));
    }
    if (this.view === view) this.place.removeAttribute("aria-busy");
  }

  #make() {
    const id = `chart-${this.metric.name}`;
    return h("section", { class: `card${this.look.wide ? " card--wide" : ""}`, "aria-labelledby": id },
      h("header", { class: "row row--apart card__head" },
        h("h2", { id }, t(`metric.${this.metric.name}`)),
        h("div", { class: "row card__tools" }, this.message, this.switch, this.#menu())),
      this.place, this.notes,
      h("details", { class: "about" }, h("summary", {}, t("chart.about")), h("p", {}, this.metric.definition)));
  }

  #menu() {
    const opener = h("summary", { class: "button button--plain button--small", "aria-label": t("chart.save", { metric: t(`metric.${this.metric.name}`) }) }, icon("save"));
    const files = FILES.map((form) => h("li", {}, h("button", { class: "choice", type: "button", onclick: () => this.#save(form) }, t(`file.${form}`))));
    const copy = h("li", {}, h("button", { class: "choice", type: "button", onclick: () => this.#copy() }, t("chart.curl")));
    const box = /** @type {HTMLDetailsElement} */ (h("details", { class: "pop pop--end" }, opener, h("ul", { class: "pop__panel" }, files, copy)));
    box.addEventListener("click", (event) => {
      if (event.target instanceof HTMLButtonElement) box.open = false;
    });
    closeFromOutside(box, opener);
    return box;
  }

  /** @param {View} view */
  async #showChart(view) {
    const options = { params: view.params, height: this.look.height, signal: view.signal, pick: (/** @type {any} */ datum) => this.pick(this.metric.name, datum) };
    const notes = await drawChart(this.place, this.metric.name, options);
    fill(this.notes, notes);
  }

  /** @param {View} view */
  async #showTable(view) {
    const answer = await ask(`metrics/${this.metric.name}`, { params: view.params, signal: view.signal });
    const columns = this.metric.columns.map(({ name, unit }) => ({
      label: t(`column.${name}`),
      numeric: isNumeric(unit),
      show: (/** @type {any} */ row) => (name === "city" && row.city === null ? t("chart.all_cities") : cell(row[name], unit, view.currency)),
    }));
    fill(this.place, table(t(`metric.${this.metric.name}`), columns, answer.rows));
    fill(this.notes, [answer.note, answer.next_cursor && t("chart.first_rows")].filter(Boolean).join(" "));
  }

  #flip() {
    this.isTable = !this.isTable;
    fill(this.switch, t(this.isTable ? "chart.as_chart" : "chart.as_table"));
    if (this.view) this.show(this.view);
  }

  /** @param {string} form */
  async #save(form) {
    const isPicture = form === "png" || form === "svg";
    const path = isPicture ? `charts/${this.metric.name}.${form}` : `metrics/${this.metric.name}`;
    const params = isPicture ? { theme: theme(), lang: language, width: 960 } : { format: form };
    fill(this.message, t("chart.saving"));
    try {
      await download(path, { ...this.view?.params, ...params });
      fill(this.message);
    } catch (error) {
      fill(this.message, sentence(error));
    }
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(curl(`metrics/${this.metric.name}`, this.view?.params));
      fill(this.message, t("chart.copied"));
    } catch {
      fill(this.message, curl(`metrics/${this.metric.name}`, this.view?.params));
    }
  }
}
