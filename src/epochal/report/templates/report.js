// Draws every figure of the page, and lets its keys show and hide what they name.
for (const holder of document.querySelectorAll("figure .plot")) {
  const figure = holder.parentElement;
  const drawing = JSON.parse(figure.querySelector("script").textContent);
  Plotly.newPlot(holder, drawing.data, drawing.layout, {
    responsive: true, displaylogo: false, modeBarButtons: [["toImage"]],
  });
  for (const key of figure.querySelectorAll(".keys button")) {
    key.addEventListener("click", () => {
      const shown = key.getAttribute("aria-pressed") !== "true";
      key.setAttribute("aria-pressed", String(shown));
      const traces = drawing.data.flatMap((trace, i) => trace.legendgroup === key.dataset.group ? [i] : []);
      Plotly.restyle(holder, { visible: shown }, traces);
    });
  }
}
