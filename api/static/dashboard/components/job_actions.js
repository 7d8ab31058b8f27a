/** What a user can do with a job: the buttons that its status allows. */

import { sentence } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { download } from "../lib/download.js";
import { language, t } from "../lib/i18n.js";
import { acts, hasResult, isOpen } from "../lib/jobs.js";
import { currentKey } from "../lib/key.js";
import { confirm } from "./confirm.js";
import { tell } from "./toast.js";

/** @typedef {Record<string, any>} Job */
/** @typedef {{ask: (request: () => Promise<Job>) => Promise<Job>, check: (job: Job) => void}} Owner Takes the job that a request answers with; opens the file of a job. */

/**
 * The names of the actions that a job allows now.
 * @param {Job} job
 */
export function actionsOf(job) {
  if (isOpen(job)) return ["cancel"];
  if (job.status === "failed") return ["retry", "check"];
  if (job.status === "cancelled") return ["check"];
  if (!hasResult(job)) return ["check"];
  return job.published ? ["results", "report"] : ["publish", "results", "report"];
}

/** @param {string} name @param {Job} job @param {Owner} owner */
export function action(name, job, owner) {
  const label = t(`action.${name}`);
  const attributes = { class: "button button--small", "aria-label": t("action.of", { action: label, source: job.source }) };
  if (name === "results") return h("a", { ...attributes, href: job.published ? "./" : `./?job=${job.id}` }, label);
  if (name === "report") return report(job, attributes, label);
  const run = name === "check" ? () => owner.check(job) : (/** @type {any} */ event) => act(name, job, owner, event.currentTarget);
  return h("button", { ...attributes, type: "button", onclick: run }, label);
}

/**
 * A link cannot send a key, so with one the report is fetched.
 * @param {Job} job
 * @param {Record<string, string>} attributes
 * @param {string} label
 */
function report(job, attributes, label) {
  const path = `jobs/${job.id}/report`;
  if (!currentKey()) return h("a", { ...attributes, href: `api/v1/${path}?lang=${language}`, target: "_blank" }, label);
  const save = () => download(path, { lang: language }, `report-${job.id}.html`).catch((error) => tell(sentence(error), { isError: true }));
  return h("button", { ...attributes, type: "button", onclick: save }, label);
}

/** @param {string} name @param {Job} job @param {Owner} owner @param {HTMLButtonElement} button */
async function act(name, job, owner, button) {
  if (name === "cancel" && !(await confirm(t("cancel.title"), t("cancel.why", { source: job.source }), [["cancel", t("action.cancel")]]))) return;
  button.disabled = true;
  try {
    const now = await owner.ask(() => acts[name](job));
    const isLate = name === "cancel" && now.status !== "cancelled";
    tell(t(`done.${isLate ? "late" : name}`, { source: job.source }));
  } catch (error) {
    tell(sentence(error), { isError: true });
  }
  button.disabled = false;
}
