// Writing at the desk: what is typed is saved as it is typed, one change after the other, and never over what somebody else wrote meanwhile.
// Without this script every part has a button that saves it.
(function () {
  "use strict";
  var desk = document.getElementById("desk");
  if (!desk) return;
  var PAUSE = 700, PATIENCE = 20000;
  var saved = document.getElementById("saved");
  var version = Number(desk.dataset.version);
  var queue = [], busy = false, waiting = new Map(), known = new Map();
  var writing = window.writing = { desk: desk };

  function say(is, text) {
    saved.dataset.is = is;
    if (saved.textContent !== text) saved.textContent = text;
  }

  // Fields of a part, and what of them is not saved yet. The server's value is kept with each field.
  function fieldsOf(form) { return Array.prototype.filter.call(form.elements, function (f) { return f.name && /^(INPUT|TEXTAREA|SELECT)$/.test(f.tagName) && f.type !== "hidden"; }); }
  function value(f) { return f.type === "checkbox" ? String(f.checked) : f.value; }
  // With each field stand the server's value and the version at which that was so: a change is made in that version, so that the server can tell
  // when somebody else has changed the same meanwhile.
  function learn(f, server) {
    var mine = "was" in f.dataset && value(f) !== f.dataset.was;
    if (!mine) delete f.dataset.moved;
    else if (server !== f.dataset.was) f.dataset.moved = "1";
    if (!f.dataset.moved) f.dataset.base = version;
    f.dataset.was = server;
    return mine;
  }
  function remember(root) {
    root.querySelectorAll("form.piece").forEach(function (form) { fieldsOf(form).forEach(function (f) { if (!("was" in f.dataset)) learn(f, value(f)); }); });
  }
  function unmoved(root) {
    root.querySelectorAll("form.piece").forEach(function (form) { fieldsOf(form).forEach(function (f) { if ("was" in f.dataset) learn(f, f.dataset.was); }); });
  }
  function changed(form) { return fieldsOf(form).filter(function (f) { return value(f) !== f.dataset.was; }); }

  // The body of a request: the hidden fields of a part and those that were changed; of a group all, since they are one thing.
  function bodyOf(form, fields) {
    var body = new URLSearchParams();
    Array.prototype.forEach.call(form.elements, function (f) { if (f.type === "hidden" && f.name !== "version") body.set(f.name, f.value); });
    var groups = {};
    fields.forEach(function (f) { if (f.dataset.group) groups[f.dataset.group] = true; });
    fieldsOf(form).forEach(function (f) {
      if (fields.indexOf(f) < 0 && !groups[f.dataset.group]) return;
      if (f.type !== "checkbox") body.append(f.name, f.value);
      else if (f.checked) body.append(f.name, "on");
      else body.append(f.name, "");
    });
    return body;
  }

  document.addEventListener("input", function (e) {
    var form = e.target.closest("form.piece");
    if (!form || !desk.contains(form)) return;
    later(form, e.target.tagName === "SELECT" || e.target.type === "checkbox" ? 0 : PAUSE);
  });
  desk.addEventListener("change", function (e) {
    var form = e.target.closest("form.piece");
    if (form && changed(form).length) later(form, 0);
  });
  function later(form, pause) {
    clearTimeout(waiting.get(form));
    if (!changed(form).length) { waiting.delete(form); return; }
    waiting.set(form, setTimeout(function () { flush(form); }, pause));
    say("saving", "Writing…");
  }
  function flush(form) {
    clearTimeout(waiting.get(form));
    waiting.delete(form);
    var fields = changed(form);
    if (!fields.length || !form.isConnected) return Promise.resolve(true);
    var sent = fields.map(value), id = form.id;
    return push({
      body: bodyOf(form, fields), form: id,
      base: function () { return Math.min.apply(null, fields.map(function (f) { return Number((document.getElementById(f.id) || f).dataset.base); })); },
      done: function () { fields.forEach(function (f, i) { var now = document.getElementById(f.id) || f; now.dataset.was = sent[i]; delete now.dataset.moved; }); },
      lost: function () {
        fields.forEach(function (f, i) {
          var now = document.getElementById(f.id) || f;
          if (value(now) !== sent[i]) return;
          if (now.type === "checkbox") now.checked = now.dataset.was === "true";
          else now.value = now.dataset.was;
        });
      }
    });
  }
  function flushAll() { Array.from(waiting.keys()).forEach(flush); }

  // Buttons of parts: the text that is still being written goes first.
  document.addEventListener("submit", function (e) {
    var form = e.target;
    if (!desk.contains(form) || !form.matches("form.piece, form.act")) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    if (form.matches("form.piece")) { flush(form); return; }
    var adds = /^add_/.test(form.elements.do && form.elements.do.value);
    if (adds && form.dataset.sent) return;
    var body = new URLSearchParams(new FormData(form));
    body.delete("version");
    if (e.submitter && e.submitter.name) body.set(e.submitter.name, e.submitter.value);
    var menu = form.closest("details.menu-of");
    if (menu) menu.open = false;
    form.dataset.sent = "1";
    writing.act(body, { said: form.hasAttribute("data-reads") ? "Reading the story…" : "" }).then(function (made) {
      delete form.dataset.sent;
      if (made && form.hasAttribute("data-reads")) form.reset();
      document.dispatchEvent(new CustomEvent("desk:acted", { detail: { form: form, body: body, made: made } }));
    });
  }, true);

  // act makes a change of the arrangement. Its promise tells whether it was made.
  writing.act = function (body, o) {
    o = o || {};
    if (/^add_/.test(body.get("do"))) body.set("block", "n" + Array.from(crypto.getRandomValues(new Uint8Array(6)), function (n) { return (n % 36).toString(36); }).join(""));
    if (body.get("do") === "add_block") o.focus = "#b-" + body.get("block") + " .block-in :is(input:not([type=hidden]), textarea, select)";
    flushAll();
    return push({ body: body, focus: o.focus, said: o.said });
  };

  function push(job) {
    return new Promise(function (resolve) {
      job.resolve = resolve;
      queue.push(job);
      next();
    });
  }
  function next() {
    if (busy || !queue.length) return;
    busy = true;
    var job = queue[0];
    say("saving", job.said || "Saving…");
    send(job, 0);
  }
  function over(job, made) {
    busy = false;
    queue.shift();
    job.resolve(made);
    next();
  }
  function send(job, tries) {
    job.body.set("version", job.base ? job.base() : version);
    var stop = new AbortController(), timer = setTimeout(function () { stop.abort(); }, PATIENCE);
    fetch(desk.dataset.do, { method: "POST", body: job.body, headers: { "HX-Request": "true" }, signal: stop.signal, redirect: "error" }).then(function (r) {
      clearTimeout(timer);
      return r.text().then(function (html) { answered(job, r, html, tries); });
    }, function () {
      clearTimeout(timer);
      again(job, tries, "Not saved: no connection. Trying again…");
    });
  }
  function again(job, tries, text) {
    say("trouble", text);
    setTimeout(function () { send(job, tries + 1); }, Math.min(1000 * Math.pow(2, tries), 15000));
  }
  function trigger(r) {
    try { return JSON.parse(r.headers.get("HX-Trigger") || "{}").notice || {}; } catch (e) { return {}; }
  }
  function answered(job, r, html, tries) {
    if (!job.form) known.clear(); // what was dragged stands elsewhere than the server put it
    if (r.status === 401) return again(job, Math.max(tries, 2), "Not saved: you are logged out. Log in again in another tab; nothing here is lost.");
    if (r.status === 503 || r.status === 502 || r.status === 504) return again(job, tries, "Not saved: the service is busy. Trying again…");
    if (r.status === 409 && html.indexOf('id="sheet"') >= 0) {
      if (job.lost) job.lost();
      take(html, { clash: true });
      return over(job, false);
    }
    if (!r.ok) {
      var told = trigger(r).text || "That did not work.";
      var form = job.form && document.getElementById(job.form);
      if (form) problem(form, r.headers.get("X-Field"), told);
      else window.desk.notice("bad", told);
      say("trouble", "Not saved: " + told);
      if (!form) refresh();
      return over(job, false);
    }
    if (job.done) job.done();
    if (job.form) clearProblem(job.form);
    take(html, job);
    var t = trigger(r);
    if (t.text) window.desk.notice(t.kind || "good", t.text);
    over(job, true);
    document.dispatchEvent(new CustomEvent("desk:saved", { detail: { version: version } }));
  }

  function problem(form, name, text) {
    clearProblem(form.id);
    var p = document.createElement("p");
    p.className = "at-field";
    p.id = form.id + "-problem";
    p.setAttribute("role", "alert");
    p.textContent = text;
    var f = name && form.elements[name] || changed(form)[0];
    if (f) { f.setAttribute("aria-invalid", "true"); f.setAttribute("aria-describedby", p.id); f.after(p); } else form.append(p);
  }
  function clearProblem(id) {
    var form = document.getElementById(id), p = document.getElementById(id + "-problem");
    if (p) p.remove();
    if (form) fieldsOf(form).forEach(function (f) { if (f.getAttribute("aria-describedby") === id + "-problem") { f.removeAttribute("aria-invalid"); f.removeAttribute("aria-describedby"); } });
  }

  // take puts what the server says of the campaign into the page. What somebody is typing stays under their hands.
  function take(html, o) {
    var t = document.createElement("template");
    t.innerHTML = html;
    var sheet = t.content.querySelector("#sheet");
    if (!sheet || Number(sheet.dataset.version) < version) return; // one that was overtaken on its way
    version = Number(sheet.dataset.version);
    desk.dataset.version = version;
    if (o && o.clash) say("trouble", "Not saved: somebody else changed this meanwhile.");
    else if (queue.length <= 1 && !waiting.size) say(sheet.dataset.new ? "new" : "saved", sheet.dataset.saved);
    t.content.querySelectorAll("[data-replace]").forEach(function (n) {
      var at = document.getElementById(n.id);
      if (at && at.outerHTML !== n.outerHTML) at.replaceWith(n);
    });
    t.content.querySelectorAll("form.piece[data-top]").forEach(function (n) { sync(document.getElementById(n.id), n); });
    var list = t.content.querySelector("#blocks"), here = document.getElementById("blocks");
    if (list) arrange(here, list);
    if (o && o.focus) {
      var f = document.querySelector(o.focus);
      if (f) { f.focus(); f.scrollIntoView({ block: "nearest" }); }
    }
    if (window.htmx) window.htmx.process(here);
    document.dispatchEvent(new CustomEvent("desk:sheet"));
  }
  writing.take = take;

  // arrange makes a list like the one that came, keeping the elements that are the same.
  function arrange(here, came) {
    var kept = {}, focused = keepFocus();
    Array.from(here.children).forEach(function (li) { if (li.id) kept[li.id] = li; else li.remove(); });
    Array.from(came.children).forEach(function (li, i) {
      var old = kept[li.id], html = bare(li);
      delete kept[li.id];
      if (!old) old = li;
      else if (known.get(li.id) === html) unmoved(old);
      else old = renew(old, li);
      known.set(li.id, html);
      if (here.children[i] !== old) here.insertBefore(old, here.children[i] || null);
    });
    Object.keys(kept).forEach(function (id) { kept[id].remove(); known.delete(id); });
    remember(here);
    focused();
  }
  function bare(el) { return el.outerHTML.replace(/name="version" value="\d+"/g, ""); }
  // renew replaces a block; one that is being written in stays, where only texts of it changed.
  function renew(old, li) {
    var f = document.activeElement;
    if (f && old.contains(f) && f.closest("form.piece") && ids(old) === ids(li)) { soft(old, li); return old; }
    var open = Array.from(old.querySelectorAll("details[open][id]")).map(function (d) { return d.id; });
    carry(old, li);
    old.replaceWith(li);
    open.forEach(function (id) { var d = document.getElementById(id); if (d) d.open = true; });
    return li;
  }
  function ids(root) { return Array.from(root.querySelectorAll("form.piece, .clash")).map(function (n) { return n.id; }).join(" "); }
  function soft(old, li) {
    old.querySelectorAll("form.piece").forEach(function (form) { sync(form, li.querySelector("#" + CSS.escape(form.id))); });
    old.querySelectorAll("[data-live]").forEach(function (n) {
      var to = li.querySelector("#" + CSS.escape(n.id));
      if (to && to.innerHTML !== n.innerHTML) n.innerHTML = to.innerHTML;
    });
    old.dataset.name = li.dataset.name;
  }
  // sync gives the fields of a part the server's values, but for those that somebody has written in since.
  function sync(form, to) {
    fieldsOf(form).forEach(function (f) {
      var g = f.id && to.querySelector("#" + CSS.escape(f.id));
      if (!g) return;
      var server = value(g);
      if (learn(f, server)) return;
      if (value(f) === server) return;
      if (f.type === "checkbox") f.checked = g.checked;
      else f.value = server;
    });
  }
  // carry takes what is not saved yet from old fields into those that replace them.
  function carry(old, li) {
    remember(li);
    old.querySelectorAll("form.piece").forEach(function (form) {
      var to = li.querySelector("#" + CSS.escape(form.id));
      if (!to) return;
      fieldsOf(form).forEach(function (f) {
        var g = f.id && to.querySelector("#" + CSS.escape(f.id));
        if (!g || value(f) === f.dataset.was) return;
        if (f.dataset.was !== g.dataset.was || f.dataset.moved) { g.dataset.base = f.dataset.base; g.dataset.moved = "1"; }
        if (f.type === "checkbox") g.checked = f.checked;
        else g.value = f.value;
      });
      if (waiting.has(form)) {
        clearTimeout(waiting.get(form));
        waiting.delete(form);
        waiting.set(to, setTimeout(function () { flush(to); }, PAUSE));
      }
    });
  }
  function keepFocus() {
    var f = document.activeElement, id = f && desk.contains(f) && f.id, from = null, to = null;
    if (!id) return function () {};
    try { from = f.selectionStart; to = f.selectionEnd; } catch (e) { from = null; }
    return function () {
      var g = document.getElementById(id);
      if (g && g.disabled) g = g.closest("li").querySelector(".handle");
      if (!g || g === document.activeElement) return;
      g.focus({ preventScroll: true });
      if (from !== null && g.setSelectionRange) try { g.setSelectionRange(from, to); } catch (e) { /* not a text */ }
    };
  }

  // refresh asks for the campaign as it is now.
  function refresh() {
    return fetch(desk.dataset.sheet, { headers: { "HX-Request": "true" } }).then(function (r) {
      return r.ok ? r.text().then(function (html) { take(html, {}); document.dispatchEvent(new CustomEvent("desk:saved", { detail: { version: version } })); }) : null;
    }, function () {});
  }
  writing.refresh = refresh;

  // Who else is here, and whether the campaign has moved on meanwhile.
  function here() {
    if (document.hidden || !desk.dataset.here) return;
    var at = document.activeElement && document.activeElement.closest("[data-block]");
    var body = new URLSearchParams({ block: at ? at.dataset.block : "" });
    fetch(desk.dataset.here, { method: "POST", body: body, headers: { "HX-Request": "true" } }).then(function (r) {
      if (!r.ok) return;
      r.text().then(function (html) {
        var box = document.getElementById("others");
        if (box.innerHTML !== html) box.innerHTML = html;
      });
      if (Number(r.headers.get("X-Version")) > version && !busy && !queue.length) refresh();
    }, function () {});
  }
  setInterval(here, Number(desk.dataset.beat) || 8000);
  document.addEventListener("visibilitychange", here);
  writing.here = here;

  window.addEventListener("pagehide", function () {
    if (desk.dataset.here) fetch(desk.dataset.here, { method: "POST", body: new URLSearchParams({ left: "1" }), headers: { "HX-Request": "true" }, keepalive: true });
  });
  window.addEventListener("beforeunload", function (e) {
    flushAll();
    if (queue.length) e.preventDefault();
  });
  document.addEventListener("keydown", function (e) {
    if ((e.ctrlKey || e.metaKey) && e.key === "s") { e.preventDefault(); flushAll(); }
  });

  desk.classList.add("live");
  document.querySelectorAll("#blocks > li").forEach(function (li) { known.set(li.id, bare(li)); });
  remember(desk);
  here();
})();
