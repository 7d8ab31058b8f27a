/** Keeps the state of a page in its URL, so that a view can be shared and the back button works. */

/** @typedef {Record<string, string | string[]>} State */

/**
 * Reads the state: names in `lists` are lists of texts, all others one text.
 * @param {readonly string[]} names
 * @param {readonly string[]} lists
 * @returns {State}
 */
export function readState(names, lists) {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(names.map((name) => [name, lists.includes(name) ? given.getAll(name) : given.get(name) ?? ""]));
}

/**
 * Adds the state to the history, unless it is there already.
 * @param {State} state
 */
export function pushState(state) {
  const query = queryOf(state);
  if (query !== location.search) history.pushState(null, "", `${location.pathname}${query}`);
}

/**
 * Calls back when the user goes back or forward.
 * @param {() => void} changed
 */
export function onNavigation(changed) {
  addEventListener("popstate", changed);
}

/** @param {State} state */
function queryOf(state) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each) query.append(name, each);
  }
  const text = query.toString();
  return text && `?${text}`;
}
