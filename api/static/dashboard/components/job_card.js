/** A job that runs, or has just ended: its batches, how fast it is, and what to do. */

import { isAbort } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { askBatches, isOpen } from "../lib/jobs.js";
import { drawStrip } from "./batch_strip.js";
import { icon } from "./icons.js";
import { action, actionsOf } from "./job_actions.js";
import { badge, outcome, pace, publishedBadge } from "./status.js";

/** @typedef {Record<string, any>} Job */

/** Batches are asked for at most this often. */
const ASK_MS = 1_000;

export class JobCard {
  /** @param {Job} job @param {import("./job_actions.js").Owner} owner @param {() => void} closed */
  constructor(job, owner, closed) {
    this.owner = owner;
    this.job = job;
    /** @type {Record<string, any>[]} */
    this.batches = [];
    this.asked = -ASK_MS;
    this.calls = new AbortController();
    this.badge = h("span", { class: "row", role: "status" });
    this.buttons = h("div", { class: "row" });
    this.strip = h("div", { class: "strip", role: "img" });
    this.pace = h("p", { class: "pace" });
    this.title = h("h3", { tabindex: "-1" }, job.source);
    this.close = h("button", { class: "tool", type: "button", "aria-label": t("card.close", { source: job.source }), onclick: closed }, icon("close"));
    this.element = h("article", { class: "card job", "data-job": job.id },
      h("header", { class: "row row--apart job__head" }, h("div", { class: "row job__name" }, this.title, this.badge), h("div", { class: "row job__tools" }, this.buttons, this.close)),
      this.strip, this.pace);
    this.status = "";
    this.update(job);
  }

  /** @param {Job} job */
  update(job) {
    this.job = job;
    const status = `${job.status} ${job.published}`;
    if (status !== this.status) this.#changed(job);
    this.status = status;
    this.#draw();
    if (isOpen(job) && job.batches.total > 0) this.#askBatches();
  }

  /** The card is no longer shown. */
  leave() {
    this.calls.abort();
  }

  /** @param {Job} job */
  #changed(job) {
    const hadFocus = this.buttons.contains(document.activeElement);
    fill(this.badge, badge(job), job.published && publishedBadge());
    fill(this.buttons, actionsOf(job).map((name) => action(name, job, this.owner)));
    this.close.hidden = isOpen(job);
    this.element.classList.toggle("job--open", isOpen(job));
    this.element.classList.toggle("job--failed", job.status === "failed");
    if (hadFocus) this.title.focus();
  }

  #draw() {
    const isRunning = isOpen(this.job);
    this.strip.hidden = this.job.batches.total === 0 || this.job.status === "completed";
    drawStrip(this.strip, this.job, isRunning || this.job.status !== "completed" ? this.batches : []);
    const workers = new Set(this.batches.filter((batch) => batch.state === "claimed").flatMap((batch) => [batch.worker, batch.backup]).filter(Boolean));
    if (isRunning) fill(this.pace, pace(this.job, workers.size).map((text) => h("span", {}, text)));
    else fill(this.pace, h("span", {}, outcome(this.job)));
  }

  async #askBatches() {
    const now = performance.now();
    if (now - this.asked < ASK_MS) return;
    this.asked = now;
    try {
      this.batches = await askBatches(this.job, this.calls.signal);
      this.#draw();
    } catch (error) {
      if (!isAbort(error)) this.batches = []; // the counts of the job tell as much
    }
  }
}
