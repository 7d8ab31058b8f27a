/** The page `/system`: workers, queues, dead batches and the memory of Redis, as they are now. */

import { card } from "../components/card.js";
import { deadList } from "../components/dead.js";
import { icon } from "../components/icons.js";
import { memoryParts } from "../components/memory.js";
import { queueList } from "../components/queues.js";
import { startPage } from "../components/shell.js";
import { failure, skeleton } from "../components/states.js";
import { systemFigures } from "../components/system_figures.js";
import { showWorkers } from "../components/workers.js";
import { ApiError, ask, isAbort, sentence } from "../lib/api.js";
import { connection } from "../lib/connection.js";
import { fill, h } from "../lib/dom.js";
import { follow } from "../lib/events.js";
import { clock } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { askState, deadOf, problemsOf, waitingOf } from "../lib/system.js";

/** @typedef {import("../lib/system.js").Job} Job */
/** @typedef {import("../lib/system.js").State} State */

const REFRESH_MS = 2_000;
const LINKS = ["docs", "redoc", "openapi.json", "metrics", "health/ready"];

class System {
  /** @param {HTMLElement} main */
  constructor(main) {
    this.main = main;
    this.health = h("div", { role: "status" });
    this.time = h("p", { class: "muted small" });
    this.figures = h("div", {}, skeleton(3));
    this.workers = h("div");
    this.queues = h("div");
    this.memory = h("div", { class: "stack memory" });
    this.dead = h("div", { class: "stack" });
    this.message = h("p", { class: "small", role: "alert" });
    this.version = h("p");
    this.calls = new AbortController();
    /** @type {Map<string, Job>} */
    this.jobs = new Map();
    /** @type {State | null} */
    this.state = null;
    /** What does not answer: `redis` or `api`. */
    this.away = "";
    this.seen = new Date();
    /** @type {ReturnType<typeof setTimeout> | undefined} When the state is asked for again. */
    this.timer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} When what events have told is drawn. */
    this.drawn = undefined;
    this.content = this.#make();
  }

  /** Asks for the state and shows it, again and again while the tab is visible. */
  async refresh() {
    clearTimeout(this.timer);
    this.calls.abort();
    this.calls = new AbortController();
    try {
      this.state = await askState(this.calls.signal);
      this.seen = new Date();
      this.away = "";
    } catch (error) {
      if (isAbort(error)) return;
      if (!(error instanceof ApiError && error.isAway)) {
        fill(this.main, failure(error, () => this.refresh()));
        return;
      }
      this.away = error.status === 503 ? "redis" : "api";
    }
    this.#draw();
    if (!document.hidden) this.timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  /**
   * Takes what an event tells of the jobs.
   * @param {string} name
   * @param {any} data
   */
  told(name, data) {
    if (name === "snapshot") this.jobs.clear();
    if (name === "removed") this.jobs.delete(data.id);
    if (name === "job") this.jobs.set(data.id, data);
    this.drawn ??= setTimeout(() => {
      this.drawn = undefined;
      this.#draw();
    }, REFRESH_MS / 4);
  }

  #make() {
    return h("div", { class: "system stack" },
      h("header", { class: "row row--apart" }, h("h1", {}, t("system.title")), this.time),
      this.health, this.figures,
      h("div", { class: "cards" },
        wide(card("workers", t("system.workers"), this.workers)),
        wide(card("queues", t("system.queues"), this.queues)),
        card("memory", t("system.memory"), this.memory),
        card("dead", t("system.dead"), this.message, this.dead),
        wide(card("about", t("system.about"), this.version, h("ul", { class: "links" }, LINKS.map(link)), h("p", { class: "muted" }, t("system.readme"))))));
  }

  #draw() {
    if (!this.state && !this.away) return;
    if (!this.main.contains(this.content)) fill(this.main, this.content);
    this.#showHealth();
    if (!this.state) return;
    const jobs = [...this.jobs.values()];
    fill(this.time, t("system.as_of", { time: clock(this.seen) }));
    fill(this.figures, systemFigures(this.state, jobs));
    showWorkers(this.workers, this.state, this.jobs);
    fill(this.queues, queueList(this.state.depths));
    fill(this.memory, memoryParts(this.state.memory, waitingOf(jobs)));
    changed(this.dead, deadOf(jobs), () => deadList(deadOf(jobs), (job) => this.#retry(job)));
    fill(this.version, t("system.version", { version: this.state.version }));
  }

  #showHealth() {
    const problems = this.#problems();
    changed(this.health, problems, () => [problems.length ? warnings(problems) : h("p", { class: "well" }, icon("check"), t("system.well"))]);
  }

  /** While something is away, what was read before may no longer be so. */
  #problems() {
    if (this.away) return [{ text: t(`system.away.${this.away}`), place: "" }];
    return this.state ? problemsOf(this.state, [...this.jobs.values()]) : [];
  }

  /** @param {Job} job */
  async #retry(job) {
    try {
      this.told("job", await ask(`jobs/${job.id}/retry`, { method: "POST" }));
      fill(this.message);
    } catch (error) {
      fill(this.message, sentence(error));
    }
  }
}

/** @param {HTMLElement} element */
function wide(element) {
  element.classList.add("card--wide");
  return element;
}

/** @param {string} path */
function link(path) {
  return h("li", {}, h("a", { href: path }, `/${path}`), h("span", { class: "muted small" }, t(`system.link.${path.split(/\W/)[0]}`)));
}

/** @param {import("../lib/system.js").Problem[]} problems */
function warnings(problems) {
  return h("ul", { class: "failure" }, problems.map(({ text, place }) => h("li", { class: "row" }, icon("warning"), place ? h("a", { href: `#${place}` }, text) : text)));
}

/**
 * Fills a place only if its data is not what it shows, so that a focus and a selection in it stay.
 * @param {HTMLElement} place
 * @param {unknown} data
 * @param {() => (import("../lib/dom.js").Child)[]} draw
 */
function changed(place, data, draw) {
  const key = JSON.stringify(data);
  if (place.dataset.shown === key) return;
  place.dataset.shown = key;
  fill(place, draw());
}

const system = new System(startPage("shell.system"));
connection.addEventListener("back", () => system.refresh());
document.addEventListener("visibilitychange", () => document.hidden || system.refresh());
await system.refresh();
follow((name, data) => system.told(name, data), new AbortController().signal)
  .catch(() => {}); // a refusal is told by the state, which is asked for with the same key
