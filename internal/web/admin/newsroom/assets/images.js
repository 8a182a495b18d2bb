// The choice of a picture (a click raises "image-picked" with what is known of it), and previews that follow what is typed.
(function () {
  "use strict";
  document.addEventListener("click", function (e) {
    var b = e.target.closest(".pick-one");
    if (!b) return;
    var d = b.dataset;
    b.dispatchEvent(new CustomEvent("image-picked", { bubbles: true, detail: {
      url: d.imageUrl, width: Number(d.imageWidth), height: Number(d.imageHeight), alt: d.imageAlt, credit: d.imageCredit } }));
  });

  // A form with data-preview is sent into its frame by the button data-preview-now: at first, and a moment after each change.
  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("form[data-preview]").forEach(function (form) {
      var button = form.querySelector("[data-preview-now]"), wait = 0;
      if (!button) return;
      function show() {
        var into = document.createElement("form");
        into.method = "post";
        into.action = button.formAction;
        into.target = button.formTarget;
        into.hidden = true;
        new FormData(form).forEach(function (value, name) {
          var field = document.createElement("textarea");
          field.name = name;
          field.value = value;
          into.append(field);
        });
        document.body.append(into);
        into.submit();
        into.remove();
      }
      form.addEventListener("input", function () { clearTimeout(wait); wait = setTimeout(show, 500); });
      show();
    });
  });
})();
