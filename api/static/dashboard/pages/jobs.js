/** The page `/jobs`: files to check and run, the jobs that run, and those that have ended. */

import { CheckPanel } from "../components/check_panel.js";
import { DropZone } from "../components/dropzone.js";
import { JobCard } from "../components/job_card.js";
import { JobTable } from "../components/job_table.js";
import { startPage } from "../components/shell.js";
import { SourceList } from "../components/source_list.js";
import { empty, failure, skeleton } from "../components/states.js";
import { connection } from "../lib/connection.js";
import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { isOpen, Jobs } from "../lib/jobs.js";
import { onNavigation, pushState, readState } from "../lib/location.js";
import { textOf } from "../lib/sources.js";

/** @typedef {import("../lib/jobs.js").Job} Job */
/** @typedef {import("../lib/sources.js").Given} Given */

/** Cards of jobs at once; the list has all jobs. */
const MOST_CARDS = 3;
/** Changes of jobs are drawn at most this often: a job tells ten times a second how far it is. */
const DRAWN_MS = 100;

class FilesAndJobs {
  /** @param {HTMLElement} main */
  constructor(main) {
    const owner = { ask: (/** @type {() => Promise<Job>} */ request) => this.jobs.ask(request), check: (/** @type {Job} */ job) => this.open(job.source, {}) };
    this.owner = owner;
    this.jobs = new Jobs();
    this.sources = new SourceList((source) => this.open(source.name, {}));
    this.drop = new DropZone(() => this.sources.sources, () => this.leave(), (source) => this.#uploaded(source.name));
    this.start = h("div", { class: "card start" }, this.drop.element, this.sources.element);
    this.file = h("div", {});
    /** @type {CheckPanel | null} */
    this.panel = null;
    /** @type {Map<string, JobCard>} The newest last. */
    this.cards = new Map();
    this.running = h("section", { class: "stack", "aria-label": t("jobs.running") });
    this.table = new JobTable(owner);
    this.more = h("button", { class: "button", type: "button", hidden: true, onclick: () => this.#more() }, t("jobs.more"));
    this.history = h("div", {}, skeleton(6));
    this.isDue = false;
    fill(main, h("div", { class: "files stack" },
      h("h1", {}, t("shell.jobs")), this.start, this.file, this.running,
      h("section", { class: "card history", "aria-labelledby": "history-title" }, h("h2", { id: "history-title" }, t("jobs.history")), this.history, this.more)));
    this.jobs.addEventListener("change", () => this.#drawSoon());
  }

  async load() {
    this.navigate();
    this.sources.load();
    try {
      await this.jobs.load();
    } catch (error) {
      if (!this.jobs.isLoaded) fill(this.history, failure(error, () => this.load()));
    }
  }

  /** Shows the file of the URL, or what to choose from. */
  navigate() {
    const { file, dialect } = /** @type {Record<string, string>} */ (readState(["file", "dialect"], []));
    if (!file) this.#close();
    else if (this.panel?.name === file) this.panel.set(parsed(dialect));
    else this.#show(file, parsed(dialect));
  }

  /**
   * Checks a file.
   * @param {string} name
   * @param {Given} given
   */
  open(name, given) {
    pushState({ file: name, dialect: textOf(given) });
    this.#show(name, given);
    this.panel?.title.focus();
  }

  /** Back to choosing a file. */
  leave() {
    pushState({ file: "", dialect: "" });
    this.#close();
  }

  /** @param {string} name @param {Given} given */
  #show(name, given) {
    this.panel?.close();
    this.panel = new CheckPanel(name, given, {
      changed: (now) => pushState({ file: name, dialect: textOf(now) }),
      run: (request) => this.#run(request),
      left: () => {
        this.leave();
        this.drop.button.focus();
      },
    });
    this.start.hidden = true;
    fill(this.file, this.panel.element);
    this.panel.refresh();
  }

  #close() {
    this.panel?.close();
    this.panel = null;
    this.start.hidden = false;
    fill(this.file);
  }

  /** @param {string} name */
  #uploaded(name) {
    this.sources.load();
    this.open(name, {});
  }

  /** @param {() => Promise<Job>} request */
  async #run(request) {
    const job = await this.jobs.ask(request);
    this.leave();
    for (const [id, card] of this.cards) if (!isOpen(card.job)) this.#dismiss(id);
    this.#addCard(job);
    this.cards.get(job.id)?.title.focus();
  }

  async #more() {
    await this.jobs.more().catch(() => {}); // the banner tells
    this.#draw();
  }

  /** Draws once for all changes until then. */
  #drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(() => {
      this.isDue = false;
      this.#draw();
    }, DRAWN_MS);
  }

  #draw() {
    const jobs = this.jobs.list;
    for (const job of jobs) if (isOpen(job) && job.status !== "queued") this.#addCard(job);
    for (const [id, card] of this.cards) {
      const job = this.jobs.known.get(id);
      if (job) card.update(job);
      else this.#dismiss(id);
    }
    if (!this.jobs.isLoaded) return;
    this.more.hidden = !this.jobs.cursor;
    if (!jobs.length) fill(this.history, empty(t("jobs.none"), t("jobs.none_why")));
    else if (!this.history.contains(this.table.element)) fill(this.history, this.table.element);
    this.table.show(jobs);
  }

  /** @param {Job} job */
  #addCard(job) {
    if (this.cards.has(job.id)) return;
    const ended = [...this.cards].find(([, card]) => !isOpen(card.job));
    if (this.cards.size >= MOST_CARDS && ended) this.#dismiss(ended[0]);
    if (this.cards.size >= MOST_CARDS) return;
    const card = new JobCard(job, this.owner, () => this.#dismiss(job.id));
    this.cards.set(job.id, card);
    this.running.prepend(card.element);
  }

  /** @param {string} id */
  #dismiss(id) {
    const card = this.cards.get(id);
    card?.leave();
    card?.element.remove();
    this.cards.delete(id);
  }
}

/**
 * What is given of a dialect, from the URL.
 * @param {string} text
 * @returns {Given}
 */
function parsed(text) {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return {};
  }
}

const page = new FilesAndJobs(startPage("shell.jobs"));
onNavigation(() => page.navigate());
connection.addEventListener("back", () => page.load());
await page.load();
page.jobs.follow(new AbortController().signal).catch(() => {}); // a refusal is told by the list, which asks with the same key
