/** The jobs, newest first; each line opens to tell more. */

import { fill, h } from "../lib/dom.js";
import { duration, moment, number } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { isOpen } from "../lib/jobs.js";
import { icon } from "./icons.js";
import { action, actionsOf } from "./job_actions.js";
import { showDetail } from "./job_detail.js";
import { badge, publishedBadge } from "./status.js";

/** @typedef {Record<string, any>} Job */

const COLUMNS = ["file", "status", "rows", "rejected", "duration", "submitted"];
const NUMERIC = ["rows", "rejected", "duration"];

export class JobTable {
  /** @param {import("./job_actions.js").Owner} owner */
  constructor(owner) {
    this.owner = owner;
    /** @type {Map<string, JobRow>} */
    this.rows = new Map();
    const heads = COLUMNS.map((name) => h("th", { scope: "col", class: NUMERIC.includes(name) ? "numeric" : null }, t(`job.${name}`)));
    this.element = /** @type {HTMLTableElement} */ (h("table", { class: "jobs" }, h("caption", { class: "unseen" }, t("jobs.history")),
      h("thead", {}, h("tr", {}, heads, h("th", { scope: "col" }, h("span", { class: "unseen" }, t("job.actions")))))));
  }

  /** @param {Job[]} jobs */
  show(jobs) {
    const gone = new Set(this.rows.keys());
    let before = this.element.tHead?.nextElementSibling ?? null;
    for (const job of jobs) {
      gone.delete(job.id);
      const row = this.#row(job);
      if (row.element === before) before = before.nextElementSibling;
      else this.element.insertBefore(row.element, before);
    }
    for (const id of gone) {
      this.rows.get(id)?.element.remove();
      this.rows.delete(id);
    }
  }

  /**
   * Opens the line of a job and brings it into view.
   * @param {string} id
   */
  open(id) {
    this.rows.get(id)?.open();
  }

  /** @param {Job} job */
  #row(job) {
    const row = this.rows.get(job.id) ?? new JobRow(job.id, this.owner);
    this.rows.set(job.id, row);
    row.update(job);
    return row;
  }
}

class JobRow {
  /** @param {string} id @param {import("./job_actions.js").Owner} owner */
  constructor(id, owner) {
    this.id = id;
    this.owner = owner;
    this.shown = "";
    /** @type {Job} The job as it was last drawn. */
    this.job = {};
    this.calls = new AbortController();
    this.line = h("tr", {});
    this.place = h("div", {});
    this.more = h("tr", { id: `detail-${id}`, hidden: true }, h("td", { colspan: COLUMNS.length + 1 }, this.place));
    this.opener = h("button", { class: "opener", type: "button", "aria-expanded": "false", "aria-controls": `detail-${id}`, onclick: () => this.#flip() });
    this.buttons = h("td", { class: "jobs__actions" });
    this.element = h("tbody", { "data-job": id }, this.line, this.more);
  }

  /** @param {Job} job */
  update(job) {
    const shown = JSON.stringify([job.status, job.published, job.result, job.rows, job.progress, job.duration_s]);
    if (shown === this.shown) return;
    const before = this.job;
    const hasEnded = !isOpen(job) && before.status !== job.status;
    this.shown = shown;
    fill(this.opener, icon("down"), h("span", {}, job.source));
    if (before.status !== job.status || before.published !== job.published || before.result !== job.result) this.#drawActions(job);
    this.job = job;
    this.#drawLine(job);
    if (hasEnded && !this.more.hidden) this.#load();
  }

  open() {
    if (this.more.hidden) this.#flip();
    this.opener.focus();
    this.element.scrollIntoView({ block: "nearest" });
  }

  /** @param {Job} job */
  #drawLine(job) {
    const status = h("span", { class: "row" }, badge(job), job.published && publishedBadge());
    const rejected = h("span", { class: job.rows.rejected ? "rejected" : null }, number(job.rows.rejected));
    const cells = { status, rows: number(job.rows.read), rejected, duration: duration(job.duration_s), submitted: moment(job.created_at) };
    const drawn = Object.entries(cells).map(([name, value]) => h("td", { class: `jobs__${name}${NUMERIC.includes(name) ? " numeric" : ""}`, "data-label": t(`job.${name}`) }, value));
    const old = [...this.line.children].slice(1, -1);
    if (!old.length) fill(this.line, h("th", { scope: "row" }, this.opener), drawn, this.buttons);
    else old.forEach((cell, index) => cell.replaceWith(drawn[index]));
  }

  /** @param {Job} job */
  #drawActions(job) {
    const hadFocus = this.buttons.contains(document.activeElement);
    fill(this.buttons, h("div", { class: "row row--end" }, actionsOf(job).filter((name) => name !== "report").map((name) => action(name, job, this.owner))));
    if (hadFocus) this.opener.focus();
  }

  #flip() {
    this.more.hidden = !this.more.hidden;
    this.opener.setAttribute("aria-expanded", String(!this.more.hidden));
    this.calls.abort();
    if (!this.more.hidden) this.#load();
  }

  #load() {
    this.calls.abort();
    this.calls = new AbortController();
    showDetail(this.place, this.id, this.owner, this.calls.signal);
  }
}
