/** Whether the API and its Redis answer. While they do not, it asks again and tells when they are back. */

const ASK_MS = 1_500;

/** Events `away` and `back`. */
export const connection = new EventTarget();

let isAway = false;

/** To be called when a call has failed because something is away. */
export function noteAway() {
  if (isAway) return;
  isAway = true;
  connection.dispatchEvent(new Event("away"));
  setTimeout(ask, ASK_MS);
}

async function ask() {
  if (!(await isReady())) {
    setTimeout(ask, ASK_MS);
    return;
  }
  isAway = false;
  connection.dispatchEvent(new Event("back"));
}

async function isReady() {
  try {
    return (await fetch(new URL("health/ready", document.baseURI), { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
