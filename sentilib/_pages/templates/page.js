"use strict";
// What the pages share: data, elements and heat-maps.
// Text of reviews only ever enters a page by textContent.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const label = (k) => data.classes[k];
const percent = (share) => (100 * share).toFixed(1) + " %";

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("aria-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

function colorOf(value, largest) {
  const strength = Math.min(1, Math.abs(value) / largest) ** 0.7 * 0.85;
  return `rgba(var(${value > 0 ? "--for" : "--against"}), ${strength.toFixed(3)})`;
}

// A heat-map is [pieces, steps, class, step, head is cut]: text, word, text, ..., word, text; a
// whole number of steps a word.
function heatMap([pieces, steps, , step, headIsCut], into) {
  const largest = Math.max(1, ...steps.map(Math.abs));
  const head = pieces[0].trimStart(), last = pieces.length - 1;
  into.replaceChildren(element("span", { textContent: head, className: headIsCut ? "cut" : "" }));
  for (let k = 1; k < pieces.length; k += 2) {
    const value = steps[(k - 1) / 2];
    const word = element("span", { textContent: pieces[k] });
    if (value) {
      word.style.backgroundColor = colorOf(value, largest);
      word.title = (value > 0 ? "+" : "") + (step * value).toPrecision(2);
    }
    into.append(word, k + 1 === last ? pieces[last].trimEnd() : pieces[k + 1]);
  }
}

function legendOf(toward) {
  const names = data.classes.length === 2
    ? [`pulls toward ${label(1)}`, `pulls toward ${label(0)}`]
    : [`pulls toward ${label(toward)}`, `pulls away from ${label(toward)}`];
  return ["--for", "--against"].map((color, k) => {
    const swatch = element("i", { className: "swatch" });
    swatch.style.background = `rgb(var(${color}))`;
    return element("span", {}, swatch, names[k]);
  });
}
