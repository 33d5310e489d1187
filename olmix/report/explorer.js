// The explorer: sliders for the weights, and what the laws expect of that mixture.
function explore(stage, info) {
  const { leaves, metrics, law, checks, limits } = info;
  const prior = leaves.map((leaf) => leaf.prior), proposed = leaves.map((leaf) => leaf.proposed);
  let w = [...proposed];

  // The others give way in proportion to what they are, within their limits: scale them until the sum is right.
  function giveWay(moved, value) {
    const others = leaves.map((_, j) => j).filter((j) => j !== moved);
    const room = (bound) => others.reduce((sum, j) => sum + leaves[j][bound], 0);
    const low = Math.max(leaves[moved].low, 1 - room("high")), high = Math.min(leaves[moved].high, 1 - room("low"));
    const target = Math.min(Math.max(value, low), Math.max(low, high));
    const base = w.map((x, j) => x + 1e-6 * (prior[j] + 1e-3));
    const at = (scale) => others.map((j) => Math.min(Math.max(scale * base[j], leaves[j].low), leaves[j].high));
    const sum = (scale) => at(scale).reduce((a, b) => a + b, 0);
    let less = 0, more = 1;
    while (sum(more) < 1 - target && more < 1e12) more *= 2;
    for (let i = 0; i < 80; i++) { const middle = (less + more) / 2; if (sum(middle) < 1 - target) less = middle; else more = middle; }
    const next = [...w];
    next[moved] = target;
    at(more).forEach((x, index) => { next[others[index]] = x; });
    return next;
  }

  function broken(mixture) {
    const found = [];
    leaves.forEach((leaf, j) => {
      if (mixture[j] > leaf.high + 1e-6) found.push(`${leaf.name} is above its cap of ${percent(leaf.high)}`);
      if (mixture[j] < leaf.low - 1e-6) found.push(`${leaf.name} is below its minimum of ${percent(leaf.low)}`);
    });
    for (const limit of limits) {
      const value = limit.leaves.reduce((sum, j, i) => sum + limit.coefficients[i] * mixture[j], 0);
      if (value > limit.high + 1e-6 || value < limit.low - 1e-6) found.push(`${limit.name} is broken`);
    }
    return found;
  }

  const objective = (values) => metrics.reduce((sum, metric, k) => sum + metric.weight * values[k], 0);
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const percent = (x) => `${digits(100 * x, x >= 0.1 ? 1 : 2)}\u202f%`;
  const change = (now, before, maximise) => {
    const better = (maximise ? now - before : before - now) / Math.abs(before);
    return [(better >= 0 ? "+" : "") + digits(100 * better, 2) + "\u202f%", better > 5e-5 ? "up" : better < -5e-5 ? "down" : "muted"];
  };

  for (const [mixture, expected] of checks) {
    const got = predict(law, mixture);
    if (got.some((value, k) => !(Math.abs(value - expected[k]) <= 1e-6 * (1 + Math.abs(expected[k]))))) {
      stage.append("This page's own evaluation of the laws does not agree with the fit, so it shows none.");
      stage.dataset.state = "refused";
      return;
    }
  }

  const atPrior = predict(law, prior), atProposal = predict(law, proposed);
  const rows = leaves.map((leaf, j) => {
    const slider = make("input", { type: "range", min: 0, max: 1000, step: "any", "aria-label": leaf.name });
    const output = make("output"), row = make("label", {}, make("span", {}, leaf.label), slider, output);
    // The square root gives small weights room; a cap ends the slider.
    const top = Math.min(1, Math.max(leaf.high, leaf.prior, leaf.proposed));
    slider.addEventListener("input", () => { w = giveWay(j, top * (slider.value / 1000) ** 2); show(); });
    return { row, slider, output, top };
  });
  const score = make("p", { class: "score", "aria-live": "polite" }), wrong = make("p", { class: "broken" }), body = make("tbody");
  const order = metrics.map((_, k) => k).sort((a, b) => Math.abs(metrics[b].weight) - Math.abs(metrics[a].weight));
  const cells = order.map((k) => {
    const value = make("td", { class: "number" }), better = make("td", { class: "number" });
    body.append(make("tr", {}, make("th", { scope: "row" }, metrics[k].name), value, better));
    return { k, value, better };
  });

  function show() {
    const values = predict(law, w), now = objective(values);
    rows.forEach(({ row, slider, output, top }, j) => {
      if (document.activeElement !== slider) slider.value = top > 0 ? 1000 * Math.sqrt(w[j] / top) : 0;
      output.textContent = percent(w[j]);
      row.classList.toggle("capped", leaves[j].high < 1 && w[j] >= leaves[j].high - 1e-6);
    });
    const places = (k) => Math.max(3, 2 - Math.floor(Math.log10(Math.abs(atPrior[k]) + 1e-12)));
    for (const { k, value, better } of cells) {
      value.textContent = digits(values[k], Math.min(places(k), 6));
      [better.textContent, better.className] = change(values[k], atPrior[k], metrics[k].maximise);
      better.classList.add("number");
    }
    const [than, tone] = change(now, objective(atPrior), false), [far] = change(now, objective(atProposal), false);
    const strong = make("b", {}, digits(Math.abs(now), 4));
    const versus = make("span", { class: tone }, `${than} against the prior`);
    score.replaceChildren(strong, "expected objective", versus, make("span", { class: "muted" }, `${far} against the proposal`));
    wrong.textContent = broken(w).join("; ");
  }

  const press = (words, action) => { const button = make("button", { type: "button" }, words); button.addEventListener("click", () => { action(button); show(); }); return button; };
  const copy = press("Copy as JSON", (button) => {
    const mixture = Object.fromEntries(leaves.map((leaf, j) => [leaf.name, Number(w[j].toFixed(6))]));
    navigator.clipboard?.writeText(JSON.stringify(mixture, null, 1)).then(() => { button.textContent = "Copied"; }, () => { button.textContent = "The browser refused"; });
  });
  const heads = ["Metric", "Expected", "Against the prior"].map((words, i) => make("th", { scope: "col", class: i ? "number" : "" }, words));
  stage.append(
    make("div", { class: "bar" }, press("Proposal", () => { w = [...proposed]; }), press("Prior", () => { w = [...prior]; }), copy),
    score,
    make("div", { class: "two" },
      make("div", { class: "knobs" }, ...rows.map(({ row }) => row)),
      make("div", { class: "outcome" }, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body))),
    wrong,
  );
  stage.dataset.state = "ready";
  show();
}

if (data.explorer) explore(document.getElementById("stage"), data.explorer);
