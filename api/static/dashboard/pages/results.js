/** The page `/`: the published result, or that of the job in the URL, through the filters in the URL. */

import { ChartCard } from "../components/chart_card.js";
import { pack } from "../components/columns.js";
import { addCourses, FIGURES, figures } from "../components/figures.js";
import { chips, filterBar } from "../components/filters.js";
import { live } from "../components/live.js";
import { origin } from "../components/origin.js";
import { resultsHead } from "../components/results_head.js";
import { runningLine } from "../components/running.js";
import { startPage } from "../components/shell.js";
import { empty, failure, skeleton } from "../components/states.js";
import { ApiError, isAbort } from "../lib/api.js";
import { connection } from "../lib/connection.js";
import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { onNavigation, pushState, readState } from "../lib/location.js";
import { hasWholeBefore } from "../lib/periods.js";
import { askCatalogue, askFigures, askMonths, askNames, askRange, isAnyCompleted } from "../lib/results.js";
import { themes } from "../lib/themes.js";

const LISTS = ["city", "model"];
const NAMES = [...LISTS, "from", "to", "type", "compare", "job", "partial"];
/** The charts in their order; those of a row without a height of their own are as high as their lines need. */
const CHARTS = /** @type {[string, {height?: number, wide: boolean}][]} */ ([
  ["monthly-revenue", { height: 360, wide: true }],
  ["city-comparison", { wide: false }],
  ["seasonality", { wide: false }],
  ["trend", { height: 340, wide: false }],
  ["year-over-year", { height: 340, wide: false }],
  ["sales-rental-split", { wide: false }],
  ["margins", { wide: false }],
  ["top-models", { wide: false }],
  ["rental-duration", { wide: false }],
]);
/** In these, a mark is a line of a model; its key is a place of five characters, then the name. */
const OF_MODELS = ["top-models", "rental-duration"];
const RESIZED_MS = 250;

class Results {
  /** @param {HTMLElement} main */
  constructor(main) {
    this.origin = h("div");
    this.running = h("div", { "aria-live": "off" });
    this.bar = h("div");
    this.chips = h("div");
    this.figures = h("div", {}, skeleton(4));
    this.charts = h("div", { class: "cards cards--packed" });
    /** @type {ChartCard[]} */
    this.cards = [];
    this.calls = new AbortController();
    /** @type {any} */
    this.known = null;
    /** @type {any} */
    this.job = null;
    /** @type {Record<string, any> | null} */
    this.runningJob = null;
    this.state = /** @type {any} */ (readState(NAMES, LISTS));
    const head = resultsHead(this.origin, { params: () => this.#params(), link: () => this.#link() });
    this.content = [head, this.running, this.bar, this.chips, this.figures, this.charts];
    this.main = main;
  }

  /** Loads all again: another result may have other cities and days. */
  async load() {
    if (!this.main.contains(this.figures)) fill(this.main, h("div", { class: "results stack" }, this.content));
    this.calls.abort();
    this.calls = new AbortController();
    const { signal } = this.calls;
    this.#showRunning();
    try {
      if (!this.job && !this.state.job && !(await isAnyCompleted(signal))) {
        this.#showNone();
        return;
      }
      const range = askRange(this.#result(), signal);
      const known = Promise.all([range, askNames(this.#result(), signal), this.cards.length ? null : askCatalogue(signal)]);
      known.catch(() => {}); // the figures below fail in the same way, and tell
      await this.#showFigures(range, signal);
      const [days, names, catalogue] = await known;
      this.known = { range: days, ...names };
      if (catalogue) this.#makeCards(catalogue);
      this.#showFilters();
      await this.#showCharts(signal);
    } catch (error) {
      this.#fail(error, () => this.load());
    }
  }

  /**
   * Shows the same result through other filters.
   * @param {Record<string, unknown>} changes
   */
  async change(changes) {
    this.state = { ...this.state, ...changes };
    pushState(this.state);
    await this.refresh();
  }

  /** Shows the result through the filters of the state. */
  async refresh() {
    if (!this.known) {
      await this.load();
      return;
    }
    this.calls.abort();
    this.calls = new AbortController();
    const { signal } = this.calls;
    this.#showFilters();
    try {
      await this.#showFigures(this.known.range, signal);
      await this.#showCharts(signal);
    } catch (error) {
      this.#fail(error, () => this.refresh());
    }
  }

  /** The user went back or forward. */
  async navigate() {
    const before = this.state;
    this.state = readState(NAMES, LISTS);
    if (before.job === this.state.job && before.partial === this.state.partial) await this.refresh();
    else await this.load();
  }

  /** Draws the charts again, in another width or theme. */
  async redraw() {
    if (this.known) await this.#showCharts(this.calls.signal);
  }

  /** @param {Record<string, any>} job */
  published(job) {
    if (this.state.job) return;
    if (!this.job || job.id !== this.job.id || job.finished_at !== this.job.finished_at) this.load();
  }

  /** @param {Record<string, any> | null} job */
  runs(job) {
    this.runningJob = job;
    if (this.state.partial && job?.id !== this.state.job) this.leave(); // it has ended: what is published is the whole
    else if (this.state.partial) this.load();
    else this.#showRunning();
  }

  #showRunning() {
    const job = this.runningJob;
    const actions = { show: () => this.#open({ job: job?.id, partial: "true" }), leave: () => this.leave() };
    fill(this.running, job && runningLine(job, Boolean(this.state.partial), actions));
  }

  leave() {
    this.#open({ job: "", partial: "" });
  }

  /** @param {Record<string, unknown>} changes */
  #open(changes) {
    this.state = { ...this.state, ...changes };
    pushState(this.state);
    this.load();
  }

  /** The address of this view, of this very result: it stays the same when another one is published. */
  #link() {
    const link = new URL(location.href);
    if (this.job) link.searchParams.set("job", this.job.id);
    return link.href;
  }

  #result() {
    return { job: this.state.job, partial: this.state.partial };
  }

  #params() {
    const { compare: _, ...params } = this.state;
    return params;
  }

  /**
   * @param {import("../lib/periods.js").Range | Promise<import("../lib/periods.js").Range>} range The days of the data.
   * @param {AbortSignal} signal
   */
  async #showFigures(range, signal) {
    const params = this.#params();
    const months = askMonths(params, FIGURES, signal);
    months.catch(() => {}); // the figures tell
    const compare = this.state.compare || "previous";
    const [{ summary, job }, { first }] = await Promise.all([askFigures(params, compare, signal), range]);
    this.job = job;
    const shown = { first: summary.first_date, last: summary.last_date };
    const isWhole = Boolean(shown.first) && hasWholeBefore(this.state, compare, shown, first);
    fill(this.figures, figures(summary, this.#currency(), isWhole ? "" : first));
    fill(this.origin, origin(job));
    addCourses(this.figures, await months);
  }

  #showFilters() {
    const change = (/** @type {any} */ changes) => this.change(changes);
    if (this.known && !this.bar.querySelector("details[open]")) {
      const label = document.activeElement?.getAttribute("aria-label");
      const hadFocus = this.bar.contains(document.activeElement);
      fill(this.bar, filterBar(this.state, this.known, change));
      if (hadFocus && label) /** @type {HTMLElement | null} */ (this.bar.querySelector(`[aria-label="${CSS.escape(label)}"]`))?.focus();
    }
    const hadChip = this.chips.contains(document.activeElement);
    fill(this.chips, chips(this.state, change));
    if (hadChip) /** @type {HTMLElement | null} */ (this.chips.querySelector("button") ?? this.bar.querySelector("summary"))?.focus();
  }

  /**
   * Those in view come first; each has the page to itself for a moment, so that it answers meanwhile.
   * @param {AbortSignal} signal
   */
  async #showCharts(signal) {
    const view = { params: this.#params(), currency: this.#currency(), signal };
    for (const card of this.cards) card.expect(view);
    const inView = this.cards.filter((card) => card.isInView);
    for (const card of new Set([...inView, ...this.cards])) {
      if (signal.aborted) return;
      await card.show(view);
    }
  }

  /** @param {Map<string, any>} catalogue */
  #makeCards(catalogue) {
    this.cards = CHARTS.map(([name, look]) => new ChartCard(catalogue.get(name), look, (metric, datum) => this.#pick(metric, datum)));
    fill(this.charts, this.cards.map((card) => card.element));
    pack(this.cards.map((card) => card.element));
  }

  #currency() {
    const currency = this.job?.dialect?.currency;
    return currency && currency !== "none" ? currency : null;
  }

  /**
   * Narrows the view to what a mark stands for.
   * @param {string} metric
   * @param {Record<string, unknown>} datum
   */
  #pick(metric, datum) {
    /** @type {Record<string, unknown>} */
    const changes = {};
    const model = OF_MODELS.includes(metric) ? String(datum.row).slice(5) : "";
    if (this.known.cities.some((/** @type {any} */ city) => city.name === datum.city)) changes.city = [datum.city];
    if (this.known.models.some((/** @type {any} */ each) => each.name === model)) changes.model = [model];
    if (/^\d{4}-\d{2}$/.test(String(datum.month))) changes.from = changes.to = datum.month;
    if (Object.keys(changes).length) this.change(changes);
  }

  /** @param {unknown} error @param {() => void} retry */
  #fail(error, retry) {
    if (isAbort(error)) return;
    if (error instanceof ApiError && error.isAway && this.job) return; // the banner tells; the old figures stay
    if (error instanceof ApiError && error.status === 404 && !this.state.job) {
      this.#showNone();
      return;
    }
    fill(this.figures, failure(error, retry));
  }

  #showNone() {
    const link = h("a", { class: "button button--main", href: "jobs" }, t("shell.jobs"));
    this.job = null;
    fill(this.main, this.running, empty(t("results.none"), t("results.none_why"), link));
  }
}

const results = new Results(startPage("shell.results"));
onNavigation(() => results.navigate());
connection.addEventListener("back", () => results.load());
themes.addEventListener("change", () => results.redraw());
let width = innerWidth;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    if (innerWidth !== width) results.redraw();
    width = innerWidth;
  }, RESIZED_MS);
});
await results.load();
live({ published: (job) => results.published(job), running: (job) => results.runs(job) }, new AbortController().signal)
  .catch(() => {}); // a refusal is told by the figures, which ask with the same key
