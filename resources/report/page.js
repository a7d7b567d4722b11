"use strict";
// Draws each chart of the page, and lets a reader save it. Data and specifications stand in the page itself.
(function () {
  const charts = JSON.parse(document.getElementById("chart-data").textContent);
  const shapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"];
  const faint = { color: "currentColor", opacity: 0.18 };
  const font = getComputedStyle(document.body).fontFamily;

  function config(chart) {
    return {
      background: null,
      font: font,
      aria: false, // the figure around it says in words what it shows
      view: { stroke: null },
      axis: {
        labelColor: "currentColor", titleColor: "currentColor", domainColor: "currentColor", tickColor: "currentColor",
        gridColor: faint.color, gridOpacity: faint.opacity, domainOpacity: 0.4, tickOpacity: 0.4,
        labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
      },
      legend: { labelColor: "currentColor", labelFontSize: 12, symbolOpacity: 1 },
      header: { labelColor: "currentColor" },
      range: { category: chart.colours, symbol: shapes },
      numberFormat: ",.4~r",
    };
  }

  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function button(label, of, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.setAttribute("aria-label", label + " of " + of);
    made.addEventListener("click", action);
    return made;
  }

  async function draw(figure) {
    const chart = charts[Number(figure.dataset.chart)];
    const title = figure.querySelector("h3").textContent;
    const options = {
      renderer: "svg", ast: true, actions: false, defaultStyle: false, config: config(chart),
      tooltip: { disableDefaultStyle: true },
    };
    const { view } = await vegaEmbed(figure.querySelector(".chart"), chart.specification, options);
    const specification = JSON.stringify(Object.assign({}, chart.specification, { config: config(chart) }), null, 1);
    figure.querySelector(".actions").append(
      button("SVG", title, async () => save(chart.name + ".svg", "image/svg+xml", await view.toSVG())),
      button("Vega-Lite", title, () => save(chart.name + ".vl.json", "application/json", specification)),
    );
  }

  const figures = Array.from(document.querySelectorAll("figure[data-chart]"));
  Promise.all(figures.map(draw)).then(
    () => { document.documentElement.dataset.drawn = "all"; },
    (error) => { document.documentElement.dataset.drawn = String(error); },
  );
})();
