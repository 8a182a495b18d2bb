(function () {
  var size = document.querySelector("meta[name=mail-size]");
  function tell() {
    parent.postMessage({ height: Math.ceil(document.documentElement.getBoundingClientRect().height), size: Number(size && size.content) || 0 }, "*");
  }
  new ResizeObserver(tell).observe(document.documentElement);
  addEventListener("load", tell);
  addEventListener("message", function (e) {
    if (e.source !== parent || typeof e.data !== "object" || !e.data || typeof e.data.find !== "string") return;
    var want = e.data.find.replace(/\s+/g, " ").trim().slice(0, 60), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), n;
    if (!want) tell();
    while (want && (n = walk.nextNode())) {
      var el = n.parentElement, box = el.getBoundingClientRect();
      if (box.height > 1 && el.tagName !== "SCRIPT" && el.textContent.replace(/\s+/g, " ").indexOf(want) >= 0) {
        parent.postMessage({ at: Math.round(box.top + scrollY) }, "*");
        return;
      }
    }
  });
  tell();
})();
