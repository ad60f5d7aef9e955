// Plots in the colours of the page. uPlot draws on a canvas, which no style sheet reaches.
"use strict";

const plotting = {
  dark: matchMedia("(prefers-color-scheme: dark)"),
  hues: () => (plotting.dark.matches
    ? ["#8fa0ff", "#5fd0a5", "#f2b35c", "#e58fc4", "#7cc7e8", "#b0b8cc"]
    : ["#3b4fd8", "#1d8a63", "#b06a00", "#a8327f", "#0d7ca6", "#626c83"]),

  colour: (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim(),

  axis: (extra) => ({
    stroke: plotting.colour("--pico-muted-color"),
    font: "12px system-ui, sans-serif",
    grid: { stroke: plotting.colour("--line"), width: 1 },
    ticks: { stroke: plotting.colour("--line"), width: 1 },
    ...extra,
  }),

  // Draws into a place what `describe` returns, and anew where the place, or the theme, is another.
  keep(place, describe) {
    let plot = null;
    const draw = () => {
      const wanted = describe();
      plot?.destroy();
      plot = null;
      if (wanted && place.clientWidth) {
        plot = new uPlot({ width: place.clientWidth, ...wanted.options }, wanted.data, place);
      }
    };
    plotting.dark.addEventListener("change", draw);
    new ResizeObserver(() => {
      if (plot) plot.setSize({ width: place.clientWidth, height: plot.height });
      else draw();
    }).observe(place);
    return draw;
  },
};
