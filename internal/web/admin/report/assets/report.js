// Draws the plots of reports. Each stands beside a table with the same numbers, so without this nothing is missing.
(function () {
  "use strict";
  if (!window.uPlot) return;

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function draw(box) {
    var p = JSON.parse(box.dataset.plot);
    var told = box.previousElementSibling;
    if (told && !told.classList.contains("told")) told = told.querySelector(".told");
    if (box.plot) box.plot.destroy();
    box.classList.add("drawn");
    var zone = p.zone || box.dataset.zone || "UTC";
    var when = new Intl.DateTimeFormat("en-GB", p.days ? { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" }
      : { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
    var place = p.days ? "UTC" : zone;
    var day = new Intl.DateTimeFormat("en-GB", { timeZone: place, day: "numeric", month: "short" });
    var month = new Intl.DateTimeFormat("en-GB", { timeZone: place, month: "short", year: "2-digit" });
    var hour = new Intl.DateTimeFormat("en-GB", { timeZone: place, hour: "2-digit", minute: "2-digit" });
    var number = new Intl.NumberFormat("en-GB");
    var axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "13px system-ui, sans-serif" };
    var narrow = box.clientWidth < 500;
    var paths = p.kind === "steps" ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear();
    var x = p.x, values = p.series.map(function (s) { return s.values; });
    if (x.length > 1 && p.kind === "steps") { // the last step has a length too
      x = x.concat([2 * x[x.length - 1] - x[x.length - 2]]);
      values = values.map(function (v) { return v.concat([v[v.length - 1]]); });
    }
    box.plot = new uPlot({
      width: box.clientWidth, height: narrow ? 200 : 220, legend: { show: false }, padding: [12, 26, 0, 0],
      tzDate: function (ts) { return uPlot.tzDate(new Date(ts * 1e3), zone); },
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true }, y: { range: function (u, low, high) { return p.kind === "lines" ? uPlot.rangeNum(low, high === low ? low + 1 : high, 0.1, true) : [0, Math.max(high * 1.08, 1)]; } } },
      axes: [Object.assign({ space: narrow ? 70 : 90, size: 34, values: function (u, ticks, at, space, step) {
        var before = "";
        return ticks.map(function (t) { // the day where it begins, else the hour
          var d = new Date(t * 1e3), text = day.format(d);
          if (p.days || step >= 86400) return step >= 28 * 86400 ? month.format(d) : text;
          var show = text !== before && before !== "" ? text : hour.format(d);
          before = text;
          return show;
        });
      } }, axis),
        Object.assign({ size: 64, values: function (u, ticks) { return ticks.map(function (t) { return t % 1 ? "" : number.format(t); }); } }, axis)],
      series: [{}].concat(p.series.map(function (s) {
        return { label: s.name, stroke: colour(s.colour), width: 2, dash: s.dash ? [6, 4] : undefined, paths: x.length > 1 ? paths : undefined, points: { show: x.length < 3 } };
      })),
      hooks: { setCursor: [function (u) {
        if (!told) return;
        var i = u.cursor.idx;
        told.textContent = i === null || i === undefined || i >= p.x.length ? "" :
          when.format(new Date(p.x[i] * 1e3)) + ": " + p.series.map(function (s) { return s.name + " " + number.format(s.values[i]); }).join(", ");
      }] },
    }, [x].concat(values), box);
    var canvas = box.querySelector("canvas");
    if (canvas) canvas.setAttribute("aria-hidden", "true");
  }

  function drawAll() {
    document.querySelectorAll("[data-plot]").forEach(draw);
  }
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  var last = window.innerWidth;
  window.addEventListener("resize", function () {
    if (window.innerWidth === last) return;
    last = window.innerWidth;
    drawAll();
  });
})();
