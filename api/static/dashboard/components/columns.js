/** Cards in two columns without gaps. Cards that would begin at nearly the same height begin side by side. */

/** Pixels below a card, and up to which a card is stretched to end with the one beside it. */
const SPACE = 16;
const NEAR = 64;

/**
 * Keeps the heights of cards in step with their contents: each takes `--lines` pixels of the grid `.cards--packed`.
 * @param {HTMLElement[]} cards The left and the right column in turn, below wide ones.
 */
export function pack(cards) {
  const contents = new ResizeObserver(() => arrange(cards));
  for (const card of cards) for (const part of card.children) contents.observe(part);
}

/** @param {HTMLElement[]} cards */
function arrange(cards) {
  const lines = cards.map((card) => needed(card) + SPACE);
  const narrow = cards.flatMap((card, place) => (card.classList.contains("card--wide") ? [] : [place]));
  let [left, right] = [0, 0];
  for (let place = 0; place + 1 < narrow.length; place += 2) {
    left += lines[narrow[place]];
    right += lines[narrow[place + 1]];
    if (Math.abs(left - right) > NEAR) continue;
    lines[narrow[left < right ? place : place + 1]] += Math.abs(left - right);
    left = right = Math.max(left, right);
  }
  for (const [place, card] of cards.entries()) card.style.setProperty("--lines", String(lines[place]));
}

/**
 * The height that the content of a card needs; the card itself may be higher.
 * @param {HTMLElement} card
 */
function needed(card) {
  const { rowGap, paddingTop, paddingBottom } = getComputedStyle(card);
  const heights = Array.from(card.children, (part) => /** @type {HTMLElement} */ (part).offsetHeight).filter(Boolean);
  const gaps = parseFloat(rowGap) * (heights.length - 1);
  return Math.ceil(heights.reduce((sum, each) => sum + each, gaps + parseFloat(paddingTop) + parseFloat(paddingBottom) + 2));
}
