/** A list that scrolls ends with a whole row, whatever the height of its rows. */

/** The frames by what is in them. @type {WeakMap<Element, {frame: HTMLElement, rows: string}>} */
const frames = new WeakMap();

const contents = new ResizeObserver((entries) => {
  for (const { target } of entries) end(target);
});

/**
 * @param {HTMLElement} frame What scrolls; its style gives `max-height: var(--whole, <most>)`.
 * @param {Element} content What is in it.
 * @param {string} rows The selector of the rows.
 */
export function endWithRow(frame, content, rows) {
  frames.set(content, { frame, rows });
  contents.observe(content);
}

/** @param {Element} content */
function end(content) {
  const known = frames.get(content);
  if (!known) return;
  const { frame, rows } = known;
  frame.style.removeProperty("--whole");
  const most = frame.clientHeight;
  const top = content.getBoundingClientRect().top;
  const ends = Array.from(frame.querySelectorAll(rows), (row) => row.getBoundingClientRect().bottom - top);
  const whole = Math.max(0, ...ends.filter((bottom) => bottom <= most));
  const bars = frame.offsetHeight - most;
  if (frame.scrollHeight > most && whole > 0) frame.style.setProperty("--whole", `${whole + bars}px`);
}
