// Draws every figure of the page, lets its keys show and hide what they name, and its views take each other's place.
for (const holder of document.querySelectorAll("figure .plot")) {
  const figure = holder.parentElement;
  const drawings = [...figure.querySelectorAll("script")].map((script) => JSON.parse(script.textContent));
  let drawing = drawings[0];
  const keys = [...figure.querySelectorAll(".keys [data-group]")];
  const views = [...figure.querySelectorAll(".views button")];
  const shown = (key) => key.getAttribute("aria-pressed") === "true";
  const show = (key) => {
    const traces = drawing.data.flatMap((trace, i) => trace.legendgroup === key.dataset.group ? [i] : []);
    if (traces.length) Plotly.restyle(holder, { visible: shown(key) }, traces);
  };
  Plotly.newPlot(holder, drawing.data, drawing.layout, {
    responsive: true, displaylogo: false, modeBarButtons: [["toImage"]],
  });
  for (const key of keys) {
    key.addEventListener("click", () => {
      key.setAttribute("aria-pressed", String(!shown(key)));
      show(key);
    });
  }
  for (const view of views) {
    view.addEventListener("click", () => {
      views.forEach((other) => other.setAttribute("aria-pressed", String(other === view)));
      drawing = drawings[view.dataset.view];
      Plotly.react(holder, drawing.data, drawing.layout);
      keys.forEach(show);
    });
  }
}
