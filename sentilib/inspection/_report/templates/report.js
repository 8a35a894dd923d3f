// The report: data, the rotating latent space, the list of reviews, and heat-maps.

const n = data.n_reviews;

function unpack({ type, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const kinds = { u1: Uint8Array, u2: Uint16Array, i2: Int16Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };
  return new kinds[type](bytes.buffer);
}
const columns = {};
for (const name of Object.keys(data.columns)) columns[name] = unpack(data.columns[name]);

// Show the tooltip beside a place of the window.
function tip(x, y, ...content) {
  const shown = $("tooltip");
  shown.hidden = false;
  shown.replaceChildren(...content);
  const box = shown.getBoundingClientRect();
  shown.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 4)) + "px";
  shown.style.top = (y + 18 + box.height < innerHeight ? y + 18 : y - box.height - 10) + "px";
}

const hasMap = (row) => Object.hasOwn(data.maps, row);

// ---------------------------------------------------------------- one review

function facts(row) {
  const verdict = columns.predicted[row] === columns.truth[row] ? "correct" : "wrong";
  return [
    ["Truth", label(columns.truth[row])],
    ["Prediction", `${label(columns.predicted[row])} (${percent(columns.probability[row])}), ${verdict}`],
    ["Loss", columns.loss[row].toFixed(3)],
    ["Length", `${columns.length[row]} tokens${columns.truncated[row] ? ", cut" : ""}`],
    ["Unknown words", String(columns.oov_count[row])],
    ["Label quality", columns.quality[row].toFixed(3)],
  ];
}

let opened, model = null; // row of the dialog; the unpacked model

function showMap(map) {
  legend($("legend"), map[2], map[3] * largestOf(map));
  heatMap(map, $("heat-map"));
}

// The fewest words without which the prediction is another one: [their numbers, class, whether
// fewer may suffice], null if more words than the page looks for are needed, or nothing.
function removalSentence(row) {
  const removal = data.removals[row];
  if (removal === undefined) return "";
  if (removal === null) return `The prediction stays the same without any ${data.max_removed} words.`;
  const [numbers, other, fewer] = removal, n = numbers.length;
  const words = numbers.map((k) => `“${data.maps[row][0][2 * k + 1]}”`).join(", ");
  return `Without ${n === 1 ? "this word" : `these ${n} words`}${fewer ? " (fewer may suffice)" : ""} `
    + `the prediction flips to ${label(other)}: ${words}.`;
}

function open(row) {
  $("dialog-title").textContent = `Review ${data.row_names ? data.row_names[row] : row}`;
  $("facts").replaceChildren(...facts(row).map(([term, value]) =>
    element("div", {}, element("dt", { textContent: term }), element("dd", { textContent: value }))));
  $("editing").hidden = !(data.model && hasMap(row));
  $("editor").hidden = true;
  $("edit").textContent = "Edit this review";
  $("edit").setAttribute("aria-expanded", "false");
  $("removal").textContent = removalSentence(row);
  opened = row;
  if (hasMap(row)) showMap(data.maps[row]);
  else {
    $("legend").textContent = "The page contains only the start of this review.";
    $("heat-map").textContent = data.snippets[row];
  }
  if (!$("dialog").open) $("dialog").showModal();
  $("dialog").scrollTop = 0;
}

// Predict the edited text, and say what changed.
function predictEdited() {
  const found = predictText(model, $("edited").value), share = Math.max(...found.probabilities);
  const before = columns.predicted[opened], now = found.probabilities.indexOf(share);
  $("outcome").replaceChildren(
    element("b", { textContent: `${label(now)} (${percent(share)})`, className: now === before ? "" : "wrong" }),
    `, before the edits ${label(before)} (${percent(columns.probability[opened])})${now === before ? "" : ": the prediction flips"}`);
  showMap(editedMap(found));
}
$("edited").addEventListener("input", predictEdited);
$("edit").addEventListener("click", async () => {
  if (!$("editor").hidden) return open(opened);
  $("edit").disabled = true;
  model ??= await unpackModel();
  $("edit").disabled = false;
  $("edit").textContent = "Undo the edits";
  $("edit").setAttribute("aria-expanded", "true");
  $("edited").value = data.maps[opened][0].join("").trim();
  $("editor").hidden = false;
  $("removal").textContent = "";
  $("edited").focus();
  predictEdited();
});
$("close").addEventListener("click", () => $("dialog").close());
$("dialog").addEventListener("click", (event) => { if (event.target === $("dialog")) $("dialog").close(); });
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-row]");
  if (button) open(Number(button.dataset.row));
});

// ---------------------------------------------------------------- list of reviews

const PER_PAGE = 25;
const HEAD = [
  ...(data.row_names ? [["Index", null, "wide"]] : []), ["Review", null, ""], ["Truth", "truth", ""], ["Prediction", "predicted", ""],
  ["Confidence", "probability", "n wide"], ["Loss", "loss", "n"], ["Length", "length", "n wide"],
  ["Unknown", "oov_count", "n wide"], ["Label quality", "quality", "n wide"],
];
const FILTERS = {
  "all reviews": () => true,
  "errors": (row) => columns.predicted[row] !== columns.truth[row],
  "likely label errors": (row) => columns.issue[row] === 1,
  "with heat-map": hasMap,
};
let sortedBy = "loss", descending = true, page = 0, found = [];
const order = Array.from({ length: n }, (_, row) => row);
let searchable = null, typing;

function sortRows() {
  const column = columns[sortedBy], sign = descending ? -1 : 1;
  order.sort((a, b) => sign * (column[a] - column[b]) || a - b);
}

function search() {
  clearTimeout(typing);
  // Lower-cased once, at the first search: the full text if it is included, otherwise the start.
  searchable ??= data.snippets.map((text, row) =>
    (hasMap(row) ? data.maps[row][0].join("") : text).toLowerCase());
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = FILTERS[$("filter").value], truth = $("filter-truth").value;
  found = order.filter((row) => (truth === "" || columns.truth[row] === Number(truth))
    && wanted(row) && words.every((word) => searchable[row].includes(word)));
  page = 0;
  showPage();
}

function showPage() {
  const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
  page = Math.min(Math.max(page, 0), pages - 1);
  $("count").textContent = `${found.length.toLocaleString("en")} of ${n.toLocaleString("en")} reviews`;
  $("page").textContent = `Page ${page + 1} of ${pages}`;
  $("previous").disabled = page === 0;
  $("next").disabled = page === pages - 1;
  $("list-body").replaceChildren(...found.slice(page * PER_PAGE, (page + 1) * PER_PAGE).map((row) => {
    const button = element("button", { type: "button", textContent: data.snippets[row] || "(no text)" });
    button.dataset.row = row;
    const wrong = columns.predicted[row] !== columns.truth[row];
    return element("tr", {},
      ...(data.row_names ? [element("td", { textContent: data.row_names[row], className: "wide" })] : []),
      element("td", {}, button, hasMap(row) ? "" : " ○"),
      element("td", { textContent: label(columns.truth[row]) }),
      element("td", { textContent: label(columns.predicted[row]), className: wrong ? "wrong" : "" }),
      element("td", { textContent: percent(columns.probability[row]), className: "n wide" }),
      element("td", { textContent: columns.loss[row].toFixed(2), className: "n" }),
      element("td", { textContent: columns.length[row], className: "n wide" }),
      element("td", { textContent: columns.oov_count[row], className: "n wide" }),
      element("td", { textContent: columns.quality[row].toFixed(2), className: "n wide" }));
  }));
}

function showHead() {
  $("list-head").replaceChildren(...HEAD.map(([title, column, className]) => {
    const head = element("th", { scope: "col", className });
    if (column === null) { head.textContent = title; return head; }
    const active = sortedBy === column;
    head.setAttribute("aria-sort", active ? (descending ? "descending" : "ascending") : "none");
    const button = element("button", {
      type: "button", textContent: title + (active ? (descending ? " ↓" : " ↑") : ""),
    });
    button.dataset.sort = column;
    head.append(button);
    return head;
  }));
}

$("list-head").addEventListener("click", (event) => {
  const column = event.target.dataset.sort;
  if (!column) return;
  descending = column === sortedBy ? !descending : true;
  sortedBy = column;
  sortRows(); showHead(); search();
  $("list-head").querySelector(`[data-sort=${column}]`).focus();
});
for (const name of Object.keys(FILTERS)) $("filter").append(element("option", { textContent: name }));
$("filter-truth").append(element("option", { textContent: "any", value: "" }),
  ...data.classes.map((name, k) => element("option", { textContent: name, value: k })));
$("search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(search, 120); });
$("filters").addEventListener("change", search);
$("filters").addEventListener("submit", (event) => { event.preventDefault(); search(); });
$("previous").addEventListener("click", () => { page--; showPage(); });
$("next").addEventListener("click", () => { page++; showPage(); });
sortRows(); showHead(); search();

// ---------------------------------------------------------------- latent space

const canvas = $("points");
if (canvas) {
  const context = canvas.getContext("2d");
  const view = { yaw: 0.6, pitch: 0.35, zoom: data.zoom };
  const screenX = new Float32Array(n), screenY = new Float32Array(n), depth = new Float32Array(n);
  const sequence = new Uint32Array(n);
  const COLORINGS = {
    truth: [columns.truth, data.classes],
    prediction: [columns.predicted, data.classes],
    "correct or wrong": [Uint8Array.from(columns.truth, (t, k) => (t === columns.predicted[k] ? 0 : 4)),
      { 0: "correct", 4: "wrong" }],
    cluster: [columns.cluster, data.clusters],
  };
  let coloring = "truth", selected = -1, scheduled = false, sprites = {};
  const byLoss = order.slice().sort((a, b) => columns.loss[b] - columns.loss[a]);
  const largest = columns.loss[byLoss[Math.floor(n / 100)]] || 1;
  const radius = Float32Array.from(columns.loss, (loss) => 1.6 + 4.4 * Math.min(1, loss / largest));

  function color(k) { return getComputedStyle(document.documentElement).getPropertyValue(`--c${k % 8}`); }

  function sprite(k, r) { // a disc of one colour and size, which is drawn once
    const size = Math.round(r), key = k * 16 + size, ratio = window.devicePixelRatio || 1;
    if (!sprites[key]) {
      const disc = document.createElement("canvas");
      disc.width = disc.height = Math.ceil((2 * size + 2) * ratio);
      const pen = disc.getContext("2d");
      pen.fillStyle = color(k);
      pen.globalAlpha = 0.65;
      pen.beginPath();
      pen.arc(disc.width / 2, disc.width / 2, size * ratio, 0, 7);
      pen.fill();
      sprites[key] = [disc, 2 * size + 2];
    }
    return sprites[key];
  }

  function project(width, height) {
    const [sy, cy, sp, cp] = [Math.sin(view.yaw), Math.cos(view.yaw), Math.sin(view.pitch), Math.cos(view.pitch)];
    const scale = 0.42 * Math.min(width, height) * view.zoom / 32767;
    for (let k = 0; k < n; k++) {
      const x = columns.x[k], y = columns.y[k], z = columns.z[k];
      const u = cy * x + sy * z, w = cy * z - sy * x;
      const near = cp * w - sp * y, up = cp * y + sp * w;
      const perspective = 1 / (1.6 - 0.35 * near / 32767) * 1.6;
      screenX[k] = width / 2 + u * scale * perspective;
      screenY[k] = height / 2 - up * scale * perspective;
      depth[k] = near;
    }
    // Draw far points first, in the order of a counting sort by depth.
    const counts = new Uint32Array(257), bucket = (d) => Math.max(0, Math.min(255, ((d / 60000 + 1) * 128) | 0));
    for (let k = 0; k < n; k++) counts[bucket(depth[k]) + 1]++;
    for (let b = 0; b < 256; b++) counts[b + 1] += counts[b];
    for (let k = 0; k < n; k++) sequence[counts[bucket(depth[k])]++] = k;
  }

  function draw() {
    scheduled = false;
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    project(width, height);
    const groups = COLORINGS[coloring][0];
    for (let i = 0; i < n; i++) {
      const k = sequence[i], [disc, size] = sprite(groups[k], radius[k]);
      context.drawImage(disc, screenX[k] - size / 2, screenY[k] - size / 2, size, size);
    }
    if (selected >= 0) {
      context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(screenX[selected], screenY[selected], radius[selected] + 4, 0, 7);
      context.stroke();
    }
    canvas.dataset.yaw = view.yaw.toFixed(3);
    canvas.dataset.pitch = view.pitch.toFixed(3);
    canvas.dataset.zoom = view.zoom.toFixed(3);
  }
  function redraw() { if (!scheduled) { scheduled = true; requestAnimationFrame(draw); } }

  function turn(yaw, pitch) {
    view.yaw += yaw;
    view.pitch = Math.max(-1.57, Math.min(1.57, view.pitch + pitch));
    redraw();
  }
  function zoom(factor) { view.zoom = Math.max(0.4, Math.min(20, view.zoom * factor)); redraw(); }

  function nearest(x, y) {
    let best = -1, least = 144;
    for (let k = 0; k < n; k++) {
      const d = (screenX[k] - x) ** 2 + (screenY[k] - y) ** 2 - (hasMap(k) ? 2 : 0);
      if (d < least || (d === least && best >= 0 && depth[k] > depth[best])) { least = d; best = k; }
    }
    return best;
  }

  function tell(row, x, y) {
    $("tooltip").hidden = row < 0;
    canvas.dataset.selected = row;
    if (row < 0) return;
    const head = `${label(columns.truth[row])} → ${label(columns.predicted[row])} `
      + `(${percent(columns.probability[row])}), loss ${columns.loss[row].toFixed(2)}`;
    tip(x, y, element("b", { textContent: head }), data.snippets[row],
      hasMap(row) ? "" : element("span", { className: "note", textContent: " (start only: no heat-map)" }));
  }

  let from = null, moved = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    from = [event.clientX, event.clientY];
    moved = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from) {
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      moved += Math.abs(dx) + Math.abs(dy);
      from = [event.clientX, event.clientY];
      if (moved > 4) { tell(-1); turn(dx * 0.008, dy * 0.008); }
      return;
    }
    const row = nearest(...place(event));
    if (row !== selected) { selected = row; redraw(); }
    tell(row, event.clientX, event.clientY);
  });
  canvas.addEventListener("pointerup", (event) => {
    const clicked = from && moved <= 4;
    from = null;
    if (!clicked) return;
    selected = nearest(...place(event));
    redraw();
    if (selected >= 0) { tell(-1); open(selected); }
  });
  canvas.addEventListener("pointercancel", () => { from = null; });
  canvas.addEventListener("pointerleave", () => { if (!from) { selected = -1; tell(-1); redraw(); } });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return; // otherwise the page scrolls
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * 0.0015));
  }, { passive: false });

  let step = -1;
  const KEYS = {
    ArrowLeft: () => turn(-0.12, 0), ArrowRight: () => turn(0.12, 0),
    ArrowUp: () => turn(0, -0.12), ArrowDown: () => turn(0, 0.12),
    "+": () => zoom(1.2), "=": () => zoom(1.2), "-": () => zoom(1 / 1.2),
    n: () => choose(1), p: () => choose(-1),
    Enter: () => { if (selected >= 0) { tell(-1); open(selected); } },
    Escape: () => { selected = -1; tell(-1); redraw(); },
  };
  function choose(by) { // go to the next review in order of decreasing loss
    step = Math.max(0, Math.min(n - 1, step + by));
    selected = byLoss[step];
    draw();
    const box = canvas.getBoundingClientRect();
    canvas.dataset.x = screenX[selected].toFixed(1);
    canvas.dataset.y = screenY[selected].toFixed(1);
    tell(selected, box.left + screenX[selected], box.top + screenY[selected]);
    $("spoken").textContent = $("tooltip").textContent;
  }
  canvas.addEventListener("keydown", (event) => {
    if (KEYS[event.key]) { event.preventDefault(); KEYS[event.key](); }
  });
  for (const button of document.querySelectorAll("#controls button[data-key]")) {
    button.addEventListener("click", () => KEYS[button.dataset.key]());
  }
  function showLegend() {
    const names = COLORINGS[coloring][1];
    $("space-legend").replaceChildren(...Object.keys(names).map((k) => {
      const swatch = element("i", { className: "swatch" });
      swatch.style.background = `var(--c${k % 8})`;
      return element("span", {}, swatch, names[k]);
    }));
  }
  for (const name of Object.keys(COLORINGS)) $("coloring").append(element("option", { textContent: name }));
  $("coloring").addEventListener("change", () => { coloring = $("coloring").value; showLegend(); redraw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { sprites = {}; redraw(); });
  addEventListener("resize", () => { sprites = {}; redraw(); });
  showLegend();
  draw();
}
document.documentElement.dataset.ready = "yes";
