// Looking at the mail: the preview, the row of the inbox with its lengths, panes on narrow windows, and small help in writing.
(function () {
  "use strict";
  var writing = window.writing, desk = document.getElementById("desk");
  if (!writing) return;
  function all(selector, root) { return Array.from((root || document).querySelectorAll(selector)); }

  // Panes of a narrow window.
  function pane(name) {
    desk.dataset.pane = name;
    all("[data-pane-of]").forEach(function (a) { if (a.dataset.paneOf === name) a.setAttribute("aria-current", "true"); else a.removeAttribute("aria-current"); });
    if (name === "preview") {
      fit();
      frame.contentWindow.postMessage({ find: "" }, "*"); // how high it is now that it is shown
    }
  }
  document.addEventListener("click", function (e) {
    var a = e.target.closest("[data-pane-of]");
    if (!a) return;
    e.preventDefault();
    pane(a.dataset.paneOf);
    var first = document.querySelector("#" + a.dataset.paneOf + " :is(input:not([type=hidden]), textarea, select, button)");
    if (e.detail === 0 && first) first.focus();
    else if (matchMedia("(max-width: 47.5rem)").matches) window.scrollTo(0, 0);
  });

  // Subject and preheader as an inbox shows them, and how long they are.
  var limits = {
    subject: function (n) { return n === 0 ? "Every mail needs one" : n > 60 ? n + " characters: most inboxes cut it at about 60, phones at 40" : n > 40 ? n + " characters: phones show about 40" : n + " characters"; },
    preheader: function (n) { return n === 0 ? "" : n < 40 ? n + " characters: below 40 the inbox shows what comes after it" : n > 110 ? n + " characters: inboxes show up to about 110" : n + " characters"; }
  };
  function count(f) {
    var kind = f.dataset.counts, text = f.value.trim(), n = Array.from(text).length, out = document.getElementById(kind + "-length"), shows = document.querySelector('[data-shows="' + kind + '"]');
    out.textContent = limits[kind](n);
    out.classList.toggle("over", kind === "subject" ? n === 0 || n > 60 : n > 0 && (n < 40 || n > 110));
    shows.textContent = text || (kind === "subject" ? "(no subject)" : "");
  }
  function counts() { all("[data-counts]").forEach(count); }
  document.addEventListener("input", function (e) { if (e.target.dataset && e.target.dataset.counts) count(e.target); });

  // Fields grow with what is in them, where the browser does not do it by itself; headlines have no line breaks.
  var grows = !CSS.supports("field-sizing", "content");
  function grow(f) { f.style.height = "auto"; f.style.height = f.scrollHeight + 2 + "px"; }
  function growAll() { if (grows) all("textarea.write").forEach(grow); }
  document.addEventListener("input", function (e) { if (grows && e.target.matches("textarea.write")) grow(e.target); });
  document.addEventListener("keydown", function (e) {
    if (e.key === "Enter" && e.target.matches && e.target.matches("textarea[data-line]") && !e.isComposing) e.preventDefault();
    if (e.key === "Escape") all("details.menu-of[open]").forEach(function (d) { d.open = false; if (d.contains(e.target)) d.querySelector("summary").focus(); });
  });
  document.addEventListener("click", function (e) { all("details.menu-of[open]").forEach(function (d) { if (!d.contains(e.target)) d.open = false; }); });

  // Markdown by button.
  document.addEventListener("click", function (e) {
    var b = e.target.closest("[data-wrap], [data-link], [data-insert]");
    if (!b) return;
    var f = b.closest("form").querySelector("textarea"), from = f.selectionStart, to = f.selectionEnd, text = f.value.slice(from, to);
    var now = b.dataset.insert || ("wrap" in b.dataset ? b.dataset.wrap + (text || "words") + b.dataset.wrap : "[" + (text || "words") + "](https://)");
    f.setRangeText(now, from, to, "end");
    f.focus();
    if ("link" in b.dataset) f.setSelectionRange(from + now.length - 1, from + now.length - 1);
    else if (!text && "wrap" in b.dataset) f.setSelectionRange(from + b.dataset.wrap.length, from + now.length - b.dataset.wrap.length);
    f.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // Pictures that were uploaded, for the part whose button was pressed.
  var pictures = document.getElementById("pictures"), wants = null;
  document.addEventListener("click", function (e) {
    var b = e.target.closest("[data-pictures]");
    if (!b || !pictures) return;
    wants = b.closest("form").id;
    window.htmx.ajax("GET", "/admin/images/pick", { target: "#picture-choice" });
    pictures.showModal();
  });
  document.addEventListener("image-picked", function (e) {
    var f = wants && document.getElementById(wants), d = e.detail;
    if (!f) return;
    pictures.close();
    f.elements.image_url.value = f.elements.size_of.value = d.url;
    f.elements.width.value = d.width;
    f.elements.height.value = d.height;
    f.elements.image_alt.value = d.alt || "";
    f.elements.image_credit.value = d.credit || "";
    f.elements.image_caption.value = "";
    f.elements.image_url.dispatchEvent(new Event("input", { bubbles: true }));
    f.elements.image_url.focus();
  });

  // Stories that are in the mail say so; a new one goes where the cursor was.
  var section = "";
  function used() {
    var there = {};
    all("#blocks [data-article]").forEach(function (li) { there[li.dataset.article] = true; });
    all("#pool .pick").forEach(function (li) { li.classList.toggle("used", !!there[li.dataset.pick]); });
  }
  document.addEventListener("focusin", function (e) {
    var block = e.target.closest && e.target.closest("#blocks > .block");
    if (!block) return;
    all("#blocks > .block.at").forEach(function (b) { b.classList.remove("at"); });
    block.classList.add("at");
    section = block.dataset.block;
    follow(e.target);
  });
  window.addEventListener("submit", function (e) { // before writing.js sends it
    var form = e.target;
    if (!form.matches("#stories .act")) return;
    var block = section && document.getElementById("b-" + section), items = block && block.querySelector(".items"), to = form.elements.to;
    if (!to) {
      to = document.createElement("input");
      to.type = "hidden";
      to.name = "to";
      form.append(to);
    }
    var lists = all("#blocks .items");
    if (!block && lists.length) items = lists[lists.length - 1];
    to.value = items ? items.dataset.section + ":" + items.querySelectorAll(".item").length : block ? "after:" + section : "";
  }, true);
  document.addEventListener("desk:acted", function (e) {
    if (!e.detail.made || !e.detail.form.closest(".pick")) return;
    var pick = e.detail.form.closest(".pick"), next = pick.nextElementSibling;
    while (next && (!next.matches(".pick") || next.classList.contains("used"))) next = next.nextElementSibling;
    if (document.activeElement === document.body && next) next.querySelector(".add-it button").focus();
    document.getElementById("said").textContent = "Added the " + pick.dataset.name + ".";
  });
  document.addEventListener("desk:sheet", function () { used(); counts(); growAll(); });
  document.addEventListener("htmx:afterSwap", used);

  // The preview: a new document is loaded behind the old one and takes its place when it is there, at the same height and place.
  var form = document.getElementById("preview-form"), device = document.querySelector(".device"), facts = document.getElementById("preview-facts");
  var frame = device.querySelector("iframe"), next = null, height = 0, timer = 0, WIDE = 680, PHONE = 375;
  function kind() { return new FormData(form).get("view"); }
  function address() {
    var q = new URLSearchParams(new FormData(form));
    q.set("v", desk.dataset.version);
    return form.getAttribute("action") + "?" + q;
  }
  function load() {
    if (next) next.remove();
    next = frame.cloneNode(false);
    next.classList.add("next");
    next.removeAttribute("name");
    next.style.width = (kind() === "desktop" ? WIDE : PHONE) + "px";
    next.src = address();
    device.append(next);
  }
  function fit() {
    var room = device.parentElement.clientWidth, width = kind() === "desktop" ? WIDE : PHONE, edges = kind() === "desktop" ? 2 : 12;
    if (!room) return;
    var scale = Math.min(1, (room - edges) / width);
    device.classList.toggle("phone", kind() !== "desktop");
    frame.style.width = width + "px";
    frame.style.height = (height || 640) + "px";
    frame.style.transform = scale < 1 ? "scale(" + scale + ")" : "none";
    device.style.width = Math.round(width * scale) + edges + "px";
    device.style.height = Math.round((height || 640) * scale) + edges + "px";
  }
  window.addEventListener("message", function (e) {
    var of = next && e.source === next.contentWindow ? next : e.source === frame.contentWindow ? frame : null;
    if (!of || typeof e.data !== "object" || !e.data) return;
    if (typeof e.data.at === "number" && of === frame) return show(e.data.at);
    if (typeof e.data.height !== "number") return;
    height = Math.max(200, Math.min(e.data.height, 60000));
    if (of === next) {
      next.classList.remove("next");
      next.setAttribute("name", "mail-preview");
      frame.remove();
      frame = next;
      next = null;
      if (last) frame.contentWindow.postMessage({ find: last }, "*");
    }
    fit();
    var size = Math.round(e.data.size / 1024);
    facts.textContent = size ? size + " kB of the 90 after which Gmail cuts a mail off" + (size > 90 ? ": too long" : "") : "";
    facts.classList.toggle("warn", size > 90);
  });
  new ResizeObserver(fit).observe(device.parentElement);
  form.addEventListener("change", load);
  form.addEventListener("submit", function (e) { e.preventDefault(); e.stopImmediatePropagation(); load(); });
  document.addEventListener("desk:saved", function () { clearTimeout(timer); timer = setTimeout(load, 250); });

  // The preview goes along with what is being written.
  var last = "";
  function follow(el) {
    var f = el.closest("form.piece"), text = f && f.querySelector("textarea, input.write");
    if (!text || !text.value) return;
    last = text.value.replace(/[*_\[\]#>]/g, "").split("\n")[0].slice(0, 60);
    frame.contentWindow.postMessage({ find: last }, "*");
  }
  function show(at) {
    var box = document.getElementById("preview"), scale = frame.getBoundingClientRect().width / frame.offsetWidth || 1;
    if (box.scrollHeight > box.clientHeight) box.scrollTo({ top: Math.max(0, at * scale - 60), behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  used();
  counts();
  growAll();
  fit();
  frame.contentWindow.postMessage({ find: "" }, "*"); // it may have told its height before anybody listened
})();
