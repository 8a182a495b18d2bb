// What all pages of the desk have: notices, dialogs that ask before something dangerous, keyboard shortcuts, live parts.
// Everything here makes pages quicker; without it forms and links still do their work.
(function () {
  "use strict";

  // A notice from the server, with a part of a page or by an event of ours.
  function notice(kind, text) {
    var box = document.getElementById("notices");
    if (!box || !text) return;
    var p = document.createElement("p");
    p.className = "notice notice-" + kind;
    p.textContent = text;
    if (box.getBoundingClientRect().bottom < 0 || document.querySelector("main.wide")) box.classList.add("float");
    box.appendChild(p);
    while (box.children.length > 3) box.firstChild.remove();
    if (kind !== "bad") setTimeout(function () { p.remove(); }, 8000);
    else {
      var b = document.createElement("button");
      b.type = "button";
      b.className = "linkbtn";
      b.textContent = "Close";
      b.addEventListener("click", function () { p.remove(); });
      p.appendChild(b);
    }
  }
  document.addEventListener("notice", function (e) { notice(e.detail.kind || "good", e.detail.text || e.detail.value); });
  document.addEventListener("htmx:sendError", function () { notice("bad", "The service cannot be reached at the moment. Nothing was lost; try again."); });

  // Dialogs: data-dialog="id" opens one, data-close closes it. A word that has to be typed first keeps the button off.
  document.addEventListener("click", function (e) {
    var opener = e.target.closest("[data-dialog]");
    if (opener) {
      var d = document.getElementById(opener.dataset.dialog);
      if (d) { e.preventDefault(); d.showModal(); }
      return;
    }
    var closer = e.target.closest("[data-close]");
    if (closer) closer.closest("dialog").close();
    var copy = e.target.closest("[data-copy]");
    if (copy) {
      var from = document.getElementById(copy.dataset.copy);
      navigator.clipboard.writeText(from.value || from.textContent).then(function () { notice("good", "Copied."); });
    }
  });
  function typed(form) {
    var field = form.querySelector("[name=typed]"), button = form.querySelector(".btn-danger, .btn-primary");
    function same() { return field.value.trim().replace(/[,.\s]/g, "").toLowerCase() === form.dataset.typed.replace(/[,.\s]/g, "").toLowerCase(); }
    function look() { button.disabled = !same(); }
    field.addEventListener("input", look);
    look();
  }

  // Forms: one click is one request; data-auto sends a form as soon as something in it is chosen.
  document.addEventListener("submit", function (e) {
    var f = e.target;
    if (f.method === "dialog" || f.hasAttribute("hx-post") || f.hasAttribute("data-many") || f.method === "get") return;
    if (f.dataset.sent) { e.preventDefault(); return; }
    f.dataset.sent = "1";
    f.classList.add("busy");
    setTimeout(function () { delete f.dataset.sent; f.classList.remove("busy"); }, 8000);
  });
  window.addEventListener("pageshow", function (e) {
    if (e.persisted) document.querySelectorAll("form.busy").forEach(function (f) { delete f.dataset.sent; f.classList.remove("busy"); });
  });
  document.addEventListener("change", function (e) {
    var f = e.target.form;
    if (f && f.hasAttribute("data-auto")) f.requestSubmit();
  });

  // Shortcuts: data-key="g t" (one key after the other) or data-key="?" on a link, a button or a field.
  var before = "", beforeAt = 0;
  function keyed() { return Array.prototype.slice.call(document.querySelectorAll("[data-key]")); }
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    var t = e.target;
    if (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName) || document.querySelector("dialog[open]")) return;
    var now = Date.now(), two = now - beforeAt < 1200 ? before + " " + e.key : "";
    before = e.key; beforeAt = now;
    var all = keyed();
    var hit = two && all.find(function (el) { return el.dataset.key === two; }) || all.find(function (el) { return el.dataset.key === e.key; });
    if (!hit) return;
    e.preventDefault();
    before = "";
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(hit.tagName)) hit.focus(); else hit.click();
  });
  function listKeys() {
    var dl = document.querySelector("#shortcuts .keys");
    if (!dl) return;
    dl.textContent = "";
    var seen = {};
    keyed().forEach(function (el) {
      if (seen[el.dataset.key]) return;
      seen[el.dataset.key] = true;
      var dt = document.createElement("dt"), dd = document.createElement("dd");
      el.dataset.key.split(" ").forEach(function (k, i) {
        if (i) dt.append(" then ");
        var kbd = document.createElement("kbd");
        kbd.textContent = k;
        dt.append(kbd);
      });
      dd.textContent = el.dataset.keyName || el.textContent.trim();
      dl.append(dt, dd);
    });
  }

  // Live parts: data-events="/address" opens a stream; an event replaces the inside of the element that has its name as id.
  function stream(el) {
    var es = new EventSource(el.dataset.events);
    function put(e) {
      // What is the same stays: a button must not be replaced under the finger that presses it, nor what was opened be shut.
      var to = document.getElementById(e.type), now = document.createElement("template");
      if (!to) return;
      now.innerHTML = e.data;
      var same = to.live === undefined ? now.innerHTML.trim() === to.innerHTML.trim() : to.live === e.data;
      to.live = e.data;
      if (!same) { to.innerHTML = e.data; if (window.htmx) window.htmx.process(to); ready(to); }
    }
    (el.dataset.parts || el.id).split(" ").forEach(function (name) { es.addEventListener(name, put); });
    es.addEventListener("done", function () { es.close(); el.dispatchEvent(new CustomEvent("stream-done", { bubbles: true })); });
    es.addEventListener("reload", function () { es.close(); location.reload(); });
    es.addEventListener("open", function () { el.classList.remove("lost"); });
    es.addEventListener("error", function () { el.classList.add("lost"); });
    window.addEventListener("pagehide", function () { es.close(); });
  }

  // Time left until a moment: data-until="2026-11-23T07:00:00Z". At its end the page is asked for anew where data-then="reload".
  setInterval(function () {
    document.querySelectorAll("[data-until]").forEach(function (el) {
      var s = Math.ceil((new Date(el.dataset.until) - Date.now()) / 1000);
      if (s <= 0) {
        if (el.dataset.then === "reload" && !el.dataset.over) { el.dataset.over = "1"; setTimeout(function () { location.reload(); }, 1500); }
        s = 0;
      }
      var h = Math.floor(s / 3600), m = Math.floor(s % 3600 / 60);
      el.textContent = (h ? h + ":" + String(m).padStart(2, "0") : m) + ":" + String(s % 60).padStart(2, "0");
    });
  }, 1000);

  function ready(root) {
    root.querySelectorAll("form[data-typed]").forEach(function (f) { if (!f.dataset.watched) { f.dataset.watched = "1"; typed(f); } });
    root.querySelectorAll("[data-events]").forEach(function (el) { if (!el.dataset.streaming) { el.dataset.streaming = "1"; stream(el); } });
    root.querySelectorAll("form[data-now]").forEach(function (f) { f.requestSubmit(); });
    listKeys();
  }
  window.desk = { notice: notice };
  document.addEventListener("DOMContentLoaded", function () { ready(document); });
  document.addEventListener("htmx:load", function (e) { ready(e.detail.elt.parentNode || document); });
})();
