// Answers sign-up forms in place. A form works without this script, too: it then leads to a page of the newsletter service.
(function () {
  'use strict';
  if (!window.fetch || !window.FormData || !window.URLSearchParams || !Element.prototype.closest) return;

  function make(tag, text, role) {
    var e = document.createElement(tag);
    e.textContent = text;
    if (role) e.setAttribute('role', role);
    return e;
  }

  function clear(form) {
    form.querySelectorAll('[data-mailer-says]').forEach(function (e) { e.remove(); });
    var field = form.elements.address;
    field.removeAttribute('aria-invalid');
    field.removeAttribute('aria-describedby');
  }

  // says puts a box below the field of the address and returns it.
  function says(form, role) {
    var box = document.createElement('div'), field = form.elements.address;
    box.setAttribute('data-mailer-says', '');
    box.setAttribute('role', role);
    box.id = 'mailer-says-' + Math.random().toString(36).slice(2);
    field.setAttribute('aria-describedby', box.id);
    field.insertAdjacentElement('afterend', box);
    return box;
  }

  function answered(form, a) {
    var field = form.elements.address, box;
    clear(form);
    switch (a.status) {
      case 'taken':
        box = document.createElement('div');
        box.setAttribute('role', 'status');
        box.tabIndex = -1;
        box.className = form.className;
        box.appendChild(make('strong', a.heading));
        box.appendChild(make('p', a.text));
        form.replaceWith(box);
        box.focus();
        return;
      case 'typo':
        box = says(form, 'alert');
        box.appendChild(make('p', a.text));
        [[a.use, a.suggestion, 'use'], [a.keep, field.value.trim(), 'sure']].forEach(function (b) {
          var button = make('button', b[0]);
          button.type = 'button';
          button.addEventListener('click', function () {
            var extra = {};
            if (b[2] === 'use') field.value = b[1]; else extra.sure = b[1];
            send(form, extra);
          });
          box.appendChild(button);
          box.appendChild(document.createTextNode(' '));
        });
        box.querySelector('button').focus();
        return;
      case 'again':
        form.submit();
        return;
      default:
        says(form, 'alert').appendChild(make('p', a.text));
        if (a.status === 'address' || a.status === 'no_mail') field.setAttribute('aria-invalid', 'true');
        field.focus();
    }
  }

  function send(form, extra) {
    var body = new URLSearchParams(new FormData(form));
    Object.keys(extra).forEach(function (name) { body.set(name, extra[name]); });
    body.set('page', location.origin + location.pathname);
    form.setAttribute('aria-busy', 'true');
    fetch(form.action, { method: 'POST', body: body, headers: { Accept: 'application/json' }, credentials: 'omit' })
      .then(function (r) { return r.json(); })
      .then(function (a) { form.removeAttribute('aria-busy'); answered(form, a); })
      .catch(function () { form.removeAttribute('aria-busy'); form.submit(); });
  }

  document.addEventListener('submit', function (e) {
    var form = e.target.closest('form[data-mailer]');
    if (!form || e.defaultPrevented) return;
    e.preventDefault();
    if (form.getAttribute('aria-busy') !== 'true') send(form, {});
  });
})();
