"use strict";
// Functions shared by all pages: data, elements, legends and heat-maps.
// Text of reviews enters a page by textContent only.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const label = (k) => data.classes[k];
const percent = (share) => (100 * share).toFixed(1) + " %";
const signed = (value) => (value > 0 ? "+" : "−") + Math.abs(value).toPrecision(2);

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("aria-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

// A heat-map is [pieces, steps, class, step, cut, unknown]: text, word, text, ..., word, text; a
// whole number of steps per word; the numbers of the texts between words that contain words which
// were cut off, and of the words that the model does not know.
const largestOf = ([, steps]) => Math.max(1, ...steps.map(Math.abs));

function heatMap(map, into) {
  const [pieces, steps, , step] = map;
  const largest = largestOf(map), cut = new Set(map[4]), unknown = new Set(map[5]);
  const last = pieces.length - 1;
  const text = (k, textContent) =>
    cut.has(k / 2) ? element("span", { textContent, className: "cut" }) : textContent;
  into.replaceChildren(text(0, pieces[0].trimStart()));
  for (let k = 1; k < pieces.length; k += 2) {
    const value = steps[(k - 1) / 2];
    const word = element("span", { textContent: pieces[k] });
    if (value) {
      const level = Math.round(data.levels * Math.abs(value) / largest);
      word.className = level ? `${value > 0 ? "for" : "against"} l${level}` : "";
      word.title = signed(step * value);
    }
    if (unknown.has((k - 1) / 2)) {
      word.classList.add("unknown");
      word.title = `unknown word ${word.title}`.trim();
    }
    into.append(word, text(k + 1, k + 1 === last ? pieces[last].trimEnd() : pieces[k + 1]));
  }
}

// Fill a copy of the page's legend template; without a scale it has no numbers.
function legend(into, toward, scale) {
  const made = $("legend-template").content.cloneNode(true);
  const [against, forIt] = made.querySelectorAll("span");
  const [loses, gains] = data.legends[toward];
  against.textContent = loses + (scale ? ` ${signed(-scale)}` : "");
  forIt.textContent = (scale ? `${signed(scale)} ` : "") + gains;
  into.replaceChildren(made);
}
