package browsertest

import (
	"fmt"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Look takes the picture of the page as it stands in the window, and reports its Faults.
func (b *Tab) Look(name string) {
	b.t.Helper()
	b.Shoot(name)
	for _, fault := range b.Faults() {
		b.t.Errorf("%s: %s", name, fault)
	}
}

// Faults checks what holds for every page of ours: nothing to scroll sideways, text that can be read (WCAG 1.4.3), one heading,
// a title, a language, labels, things to press that a thumb can hit, the keyboard leading through all of them in the order in
// which they stand, and nothing that axe-core finds.
func (b *Tab) Faults() (faults []string) {
	b.t.Helper()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if wide := Ask[int64](b, `document.documentElement.scrollWidth`); wide > b.width {
		fault("%d px wide in a window of %d", wide, b.width)
	}
	if least := Ask[float64](b, contrast); least < 4.5 {
		fault("contrast %.2f", least)
	}
	for _, e := range Ask[[]string](b, smallTargets) {
		fault("less than 44 px high: %s", e)
	}
	for _, e := range Ask[[]string](b, bareFields) {
		fault("no visible label, or in error without a word about it: %s", e)
	}
	if !Ask[bool](b, `document.querySelectorAll('h1').length === 1 && document.title !== '' && document.documentElement.lang !== ''`) {
		fault("there is not one heading, or no title, or no language")
	}
	if !Ask[bool](b, `getComputedStyle(document.body).backgroundColor !== 'rgba(0, 0, 0, 0)'`) {
		fault("the styles are not there")
	}
	return append(append(faults, b.keyboard()...), b.Axe()...)
}

// contrast is the least ratio between any text of the page and what is behind it, in its present scheme.
const contrast = `(() => {
	const rgb = c => c.match(/[\d.]+/g).map(Number);
	const lum = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	let least = 21;
	for (const e of document.querySelectorAll('body *')) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
		let back = e;
		while (back && (rgb(getComputedStyle(back).backgroundColor)[3] ?? 1) === 0) back = back.parentElement;
		const a = lum(rgb(getComputedStyle(e).color)), b = lum(rgb(getComputedStyle(back ?? document.body).backgroundColor));
		least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
	}
	return least;
})()`

// targets are the things to press or to fill in that people see, with the label of a box to tick as a part of it. A link within a
// sentence is as high as its line (WCAG 2.5.8 lets it), and so are the headlines of a mail.
const targets = `[...document.querySelectorAll('button, select, textarea, input, summary, a[href]')].filter(e => e.type !== 'hidden' && !e.closest('.trap') && e.checkVisibility())`

const smallTargets = `((targets) => targets.filter(e => !e.closest('[role=article]')).filter(e => {
	const part = e.matches('[type=checkbox], [type=radio]') ? e.closest('label') ?? e : e;
	const inline = e.matches('a') && e.parentElement.textContent.trim() !== e.textContent.trim() && getComputedStyle(e).display === 'inline';
	return !inline && part.getBoundingClientRect().height < 44;
}).map(e => e.outerHTML.slice(0, 160)))(` + targets + `)`

const bareFields = `((targets) => targets.filter(e => {
	if (!e.matches('select, textarea, input')) return false;
	const told = id => [...(e.getAttribute(id) ?? '').split(/\s+/)].some(id => id && document.getElementById(id)?.textContent.trim());
	return ![...e.labels].some(l => l.textContent.trim()) || e.ariaInvalid === 'true' && !told('aria-describedby');
}).map(e => e.outerHTML.slice(0, 160)))(` + targets + `)`

// keyboard goes through the page with the Tab key: to everything, in the order of the page, each shown as the one.
func (b *Tab) keyboard() (faults []string) {
	b.t.Helper()
	// Of radio buttons one is on the way, the chosen one; the arrow keys lead to the others.
	all := Ask[[]string](b, `((targets) => { window.stops = targets.filter(e => e.tabIndex >= 0 && !e.disabled && (e.type !== 'radio' ||
		e === (targets.find(o => o.name === e.name && o.checked) ?? targets.find(o => o.name === e.name))));
		return window.stops.map(e => e.outerHTML.slice(0, 160)) })(`+targets+`)`)
	if len(all) == 0 {
		return nil
	}
	// From the top, wherever the page has put the focus.
	Ask[bool](b, `document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex'), true`)
	for i, stop := range all {
		// A date is several stops within one field.
		for parts := 0; ; parts++ {
			b.Steps(chromedp.KeyEvent(kb.Tab))
			if i == 0 || parts == 6 || !Ask[bool](b, `document.activeElement.type === 'date'`) || Ask[int](b, `window.stops.indexOf(document.activeElement)`) != i-1 {
				break
			}
		}
		switch at := Ask[int](b, `window.stops.indexOf(document.activeElement)`); {
		case at != i:
			return append(faults, fmt.Sprintf("the keyboard leads to %s instead of %s", Ask[string](b, `document.activeElement.outerHTML.slice(0, 160)`), stop))
		case !Ask[bool](b, focused):
			faults = append(faults, "has the focus and does not show it: "+stop)
		}
	}
	Ask[bool](b, `document.activeElement.blur(), true`)
	return faults
}

// focused says whether the page shows where the focus is: by an outline of its own that is to be seen, or the browser's.
const focused = `(s => s.outlineStyle === 'auto' || s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`
