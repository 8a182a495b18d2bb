// Arranging the mail: by mouse and by finger with SortableJS, and by keyboard. Each has the same outcome as the buttons with arrows.
(function () {
  "use strict";
  var writing = window.writing, blocks = document.getElementById("blocks");
  if (!writing || !blocks || !document.querySelector(".add")) return;
  var said = document.getElementById("said"), pool = document.getElementById("pool");

  function isStory(el) { return !!(el.dataset.article || el.dataset.pick); }
  var common = {
    animation: 140, forceFallback: true, fallbackOnBody: true, fallbackTolerance: 4, swapThreshold: .6, delay: 160, delayOnTouchOnly: true, touchStartThreshold: 6,
    scroll: true, scrollSensitivity: 70, scrollSpeed: 14, bubbleScroll: true,
    onStart: function () { document.body.classList.add("sorting"); },
    onEnd: function (e) { document.body.classList.remove("sorting"); moved(e); }
  };
  function sortable(el, own) { if (!window.Sortable.get(el)) window.Sortable.create(el, Object.assign({}, common, own)); }
  function ready() {
    sortable(blocks, { handle: ".handle", draggable: ".block, .item, .pick", group: { name: "mail", pull: true, put: true } });
    blocks.querySelectorAll(".items").forEach(function (list) {
      sortable(list, { handle: ".handle", draggable: ".item, .block, .pick", group: { name: "mail", pull: true, put: function (to, from, el) { return isStory(el); } } });
    });
    if (pool) sortable(pool, { draggable: ".pick", filter: "button, a, .used", preventOnFilter: false, sort: false, group: { name: "mail", pull: "clone", put: false } });
  }
  document.addEventListener("desk:sheet", ready);

  // placeOf says where an element stands, as the server understands it.
  function placeOf(el) {
    var list = el.parentElement, at = 0, n = el.previousElementSibling;
    if (list === blocks) {
      while (n && !n.dataset.block) n = n.previousElementSibling;
      return "after:" + (n ? n.dataset.block : "");
    }
    for (; n; n = n.previousElementSibling) if (isStory(n)) at++;
    return list.dataset.section + ":" + at;
  }
  // changeOf is the change that brings an element from a list to where it stands now.
  function changeOf(el, from) {
    var body = new URLSearchParams();
    if (el.dataset.pick) {
      body.set("do", "add_story");
      body.set("article", el.dataset.pick);
    } else if (el.dataset.block && el.parentElement === blocks) {
      body.set("do", "move_block");
      body.set("block", el.dataset.block);
    } else {
      body.set("do", "move_story");
      body.set("block", el.dataset.block || from.dataset.section);
      body.set("article", el.dataset.article);
    }
    body.set("to", placeOf(el));
    return body;
  }
  function moved(e) {
    if (e.from === e.to && e.oldIndex === e.newIndex || e.to === pool) return;
    writing.act(changeOf(e.item, e.from));
  }

  // By keyboard: Space picks up, arrows move, Space puts down, Escape leaves it.
  var held = null;
  function say(text) { said.textContent = text; }
  function position(el) {
    var all = Array.from(el.parentElement.children).filter(function (n) { return n.dataset.block || n.dataset.article; });
    var where = all.indexOf(el) + 1 + " of " + all.length;
    var section = el.parentElement.closest(".block");
    return "Position " + where + (section ? " in the " + section.dataset.name : "");
  }
  function lift(handle) {
    var el = handle.closest("li");
    held = { el: el, handle: handle, from: el.parentElement, next: el.nextSibling, at: placeOf(el) };
    el.classList.add("lifted");
    handle.setAttribute("aria-pressed", "true");
    say("Picked up the " + el.dataset.name + ". " + position(el) + ". Arrow keys move it, Space puts it down, Escape leaves it where it was.");
  }
  function release() {
    held.el.classList.remove("lifted");
    held.handle.removeAttribute("aria-pressed");
    var h = held;
    held = null;
    return h;
  }
  function drop() {
    var h = release(), to = placeOf(h.el);
    say("Put down. " + position(h.el) + ".");
    if (to === h.at) return;
    writing.act(changeOf(h.el, h.from));
  }
  function back() {
    var h = release();
    h.from.insertBefore(h.el, h.next);
    h.handle.focus();
    say("Left where it was. " + position(h.el) + ".");
  }
  function step(down) {
    var el = held.el, list = el.parentElement, n = down ? el.nextElementSibling : el.previousElementSibling;
    if (n) list.insertBefore(el, down ? n.nextSibling : n);
    else if (list !== blocks) {
      var lists = Array.from(blocks.querySelectorAll(".items")), to = lists[lists.indexOf(list) + (down ? 1 : -1)];
      if (!to) return say(down ? "This is the end." : "This is the top.");
      to.insertBefore(el, down ? to.firstChild : null);
    } else return say(down ? "This is the end." : "This is the top.");
    held.moving = true;
    held.handle.focus({ preventScroll: true });
    held.moving = false;
    el.scrollIntoView({ block: "nearest" });
    say(position(el) + ".");
  }
  blocks.addEventListener("keydown", function (e) {
    var handle = e.target.closest(".handle");
    if (!handle) return;
    if (e.key === " " || e.key === "Enter") { e.preventDefault(); if (held) drop(); else lift(handle); }
    else if (held && (e.key === "ArrowUp" || e.key === "ArrowDown")) { e.preventDefault(); step(e.key === "ArrowDown"); }
    else if (held && e.key === "Escape") { e.preventDefault(); back(); }
  });
  blocks.addEventListener("focusout", function (e) { // not while it is being moved, which takes the focus away for a moment
    var h = held;
    if (h && e.target === h.handle) setTimeout(function () { if (held === h && !h.moving && document.activeElement !== h.handle) back(); }, 0);
  });

  ready();
})();
