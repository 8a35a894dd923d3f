// Thresholds: one point of the curves, chosen by slider, mouse, finger or keyboard, and its costs.
// A review is predicted as the class if its probability is at least the threshold; the point
// number 0 predicts none.

if (data.thresholds) {
  const SIDE = 300, LEFT = 48, TOP = 8, WIDTH = 360; // of the axes, as in sections/thresholds.html
  const curves = data.thresholds.curves.map((given) => ({ ...given,
    thresholds: unpack(given.thresholds), hits: unpack(given.hits), alarms: unpack(given.alarms) }));
  const plots = ["roc", "pr", "cost"].map($), slider = $("threshold");
  const costs = { missed: 1, alarm: 1 };
  let curve, last, middle, cheapest, chosen, highest = 1;

  function figures(k) {
    const hits = curve.hits[k], alarms = curve.alarms[k];
    const missed = curve.positive - hits, total = curve.positive + curve.negative;
    return { hits, alarms, missed, rest: curve.negative - alarms,
      precision: hits + alarms ? hits / (hits + alarms) : null,
      recall: hits / curve.positive, alarmRate: alarms / curve.negative,
      cost: (missed * costs.missed + alarms * costs.alarm) / total };
  }
  const name = (k) => (k ? curve.thresholds[k].toFixed(4) : `above ${curve.thresholds[1].toFixed(4)}`);
  const share = (value) => (value === null ? "–" : value.toFixed(4));
  const price = (value) => String(Number(value.toPrecision(4)));
  const rows = (k, threshold) => {
    const f = figures(k), count = (number) => number.toLocaleString("en");
    return [["Threshold", threshold], ["Precision", share(f.precision)], ["Recall", share(f.recall)],
      ["False positive rate", share(f.alarmRate)], ["True positives", count(f.hits)], ["False positives", count(f.alarms)],
      ["False negatives", count(f.missed)], ["True negatives", count(f.rest)], ["Cost per review", price(f.cost)]];
  };
  const sentence = (k) => rows(k, name(k)).map(([title, value]) => `${title} ${value}`).join(", ");

  // Places of a point in the three figures, from 0 to 1.
  const places = (k) => {
    const f = figures(k);
    return [[f.alarmRate, f.recall], [f.recall, f.precision ?? 1],
      [k ? Math.min(1, curve.thresholds[k]) : 1, f.cost / highest]];
  };
  const x = (value) => +(SIDE * value).toFixed(1), y = (value) => +(SIDE * (1 - value)).toFixed(1);
  function mark(kind, k) {
    places(k).forEach(([u, v], i) => {
      const marker = plots[i].querySelector(`.${kind}`);
      marker.removeAttribute("hidden");
      marker.setAttribute("transform", `translate(${x(u)} ${y(v)})`);
    });
  }

  function table() {
    const columns = [[chosen, "Chosen"], [middle, "0.5"], [cheapest, "Cheapest"]];
    const values = columns.map(([k], i) => rows(k, i === 1 ? "0.5" : name(k)));
    $("figures").tHead.rows[0].replaceChildren(element("th"),
      ...columns.map(([, title]) => element("th", { scope: "col", className: "n", textContent: title })));
    $("figures").tBodies[0].replaceChildren(...values[0].map(([title], r) => element("tr", {},
      element("th", { scope: "row", textContent: title }),
      ...values.map((column) => element("td", { className: "n", textContent: column[r][1] })))));
  }
  function choose(k) {
    chosen = Math.max(0, Math.min(last, k));
    slider.value = last - chosen;
    slider.setAttribute("aria-valuetext", sentence(chosen));
    $("chosen").textContent = name(chosen);
    mark("chosen", chosen);
    table();
  }

  // Costs changed: their curve, its axis, and the cheapest of the points.
  function priceAll() {
    cheapest = 0;
    let dearest = 0, least = Infinity;
    for (let k = 0; k <= last; k++) {
      const { cost } = figures(k);
      dearest = Math.max(dearest, cost);
      if (cost < least) { least = cost; cheapest = k; }
    }
    const size = 10 ** Math.floor(Math.log10(dearest || 1));
    highest = size * [1, 2, 2.5, 5, 10].find((step) => step * size >= dearest * (1 - 1e-9));
    plots[2].querySelectorAll(".y").forEach((tick, k) => { tick.textContent = price(highest * k / 5); });
    let path = `M${SIDE} ${y(places(0)[2][1])}`;
    for (let k = 1; k <= last; k++) {
      const [u, v] = places(k)[2];
      path += `H${x(u)}V${y(v)}`;
    }
    plots[2].querySelector(".line").setAttribute("d", `${path}H0`);
    const sum = costs.missed + costs.alarm;
    $("cheapest-note").textContent = `Cheapest in these reviews: threshold ${name(cheapest)}, ${price(figures(cheapest).cost)} per review; `
      + `0.5 costs ${price(figures(middle).cost)}.`
      + (sum ? ` If the probabilities are calibrated, the best threshold for new reviews follows from the costs alone: ${share(costs.alarm / sum)}.` : "");
    mark("middle", middle);
    mark("cheapest", cheapest);
  }

  function show(number) {
    curve = curves[number];
    last = curve.hits.length - 1;
    middle = 0;
    while (middle < last && curve.thresholds[middle + 1] >= 0.5) middle++;
    for (const span of document.querySelectorAll("#thresholds .positive")) span.textContent = label(curve.class);
    $("roc-note").textContent = `area under the curve ${curve.area.toFixed(4)}`;
    $("pr-note").textContent = `average precision ${curve.averagePrecision.toFixed(4)}`;
    plots[1].querySelector(".guide").setAttribute("d", `M0 ${y(curve.positive / (curve.positive + curve.negative))}H${SIDE}`);
    let roc = "", pr = "";
    for (let k = 0; k <= last; k++) {
      const [[fall, recall], [, precision]] = places(k);
      roc += `${k ? "L" : "M"}${x(fall)} ${y(recall)}`;
      if (k === 1) pr = `M0 ${y(precision)}`;
      if (k) pr += `V${y(precision)}H${x(recall)}`;
    }
    plots[0].querySelector(".line").setAttribute("d", roc);
    plots[1].querySelector(".line").setAttribute("d", pr);
    slider.max = last;
    priceAll();
    choose(middle);
  }

  function nearest(i, event) {
    const box = plots[i].getBoundingClientRect(), scale = WIDTH / box.width;
    const u = ((event.clientX - box.left) * scale - LEFT) / SIDE, v = 1 - ((event.clientY - box.top) * scale - TOP) / SIDE;
    let best = 0, least = Infinity;
    for (let k = 0; k <= last; k++) {
      const [a, b] = places(k)[i];
      const distance = i === 2 ? Math.abs(a - u) : (a - u) ** 2 + (b - v) ** 2;
      if (distance < least) { least = distance; best = k; }
    }
    return best;
  }
  function leave() {
    $("tooltip").hidden = true;
    for (const near of document.querySelectorAll("#thresholds .near")) near.setAttribute("hidden", "");
  }
  plots.forEach((plot, i) => {
    plot.addEventListener("pointerdown", (event) => {
      plot.setPointerCapture(event.pointerId);
      choose(nearest(i, event));
    });
    plot.addEventListener("pointermove", (event) => {
      const k = nearest(i, event);
      if (event.buttons) choose(k);
      mark("near", k);
      const [[, threshold], ...others] = rows(k, name(k));
      tip(event.clientX, event.clientY, element("b", { textContent: `Threshold ${threshold}` }),
        ...others.flatMap(([title, value]) => [`${title} ${value}`, element("br")]));
    });
    plot.addEventListener("pointerleave", leave);
    plot.addEventListener("pointercancel", leave);
  });
  slider.addEventListener("input", () => choose(last - slider.valueAsNumber));
  for (const kind of ["missed", "alarm"]) {
    $(`cost-${kind}`).addEventListener("input", (event) => {
      const value = event.target.valueAsNumber;
      event.target.setAttribute("aria-invalid", !(value >= 0));
      if (!(value >= 0)) return; // the last valid cost stays
      costs[kind] = value;
      priceAll();
      choose(chosen);
    });
  }
  $("positive")?.addEventListener("change", (event) => show(Number(event.target.value)));
  $("choosing").hidden = plots[2].closest("figure").hidden = false;
  for (const note of document.querySelectorAll("#thresholds .of-script")) note.hidden = false;
  for (const note of document.querySelectorAll("#thresholds .of-static")) note.hidden = true;
  show(0);
}
