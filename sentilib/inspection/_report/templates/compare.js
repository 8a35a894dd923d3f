// Comparison of two models: the heat-maps of each review side by side.

const texts = data.pairs.map((pair) => pair.maps[0][0].join("").toLowerCase());

function side(pair, k) {
  const map = pair.maps[k], text = element("div", { className: "heat-map" });
  heatMap(map, text);
  return element("div", {},
    element("h3", { textContent: `${data.names[k]}: ${percent(map[6])} ${label(map[2])}`,
      className: pair.right === k ? "" : "wrong" }), text);
}

function show() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean), right = $("filter").value;
  const found = data.pairs.filter((pair, k) => (right === "" || pair.right === Number(right))
    && words.every((word) => texts[k].includes(word)));
  $("count").textContent = `${found.length} reviews`;
  $("pairs").replaceChildren(...found.map((pair) => element("article", { id: `review-${pair.row}` },
    element("h3", { textContent: `Review ${pair.name}, true label ${pair.truth}` }),
    element("div", { className: "pair" }, side(pair, 0), side(pair, 1)))));
}

data.names.forEach((name, k) => $("filter").append(element("option", { textContent: name, value: k })));
if (data.classes.length === 2) legend($("legend"), 1);
$("filters").addEventListener("change", show);
$("filters").addEventListener("submit", (event) => { event.preventDefault(); show(); });
$("search").addEventListener("input", show);
show();
document.documentElement.dataset.ready = "yes";
