package browsertest

import (
	"fmt"
	"os"
)

// Inspect takes pictures of a page of the desk, on a desktop and on a phone, light and dark, and reports what axe-core and we find:
// nothing to scroll sideways, text that can be read, labels, and on the phone things to press that a thumb can hit. Pages for people
// with a mouse may be denser than those of readers, which Look inspects. It ends on the desktop, light. Where no pictures are wanted, the
// desktop is looked at light and the phone dark: each layout and each scheme once.
func (b *Tab) Inspect(name string) {
	b.t.Helper()
	all := os.Getenv("MAILER_SCREENSHOTS") != ""
	for _, phone := range []bool{false, true} {
		size := "desktop"
		if b.Width(1280); phone {
			b.Phone()
			size = "phone"
		}
		for _, scheme := range []string{"light", "dark"} {
			if !all && phone != (scheme == "dark") {
				continue
			}
			b.Scheme(scheme)
			at := fmt.Sprintf("%s-%s-%s", name, size, scheme)
			b.shoot(at, phone)
			for _, fault := range b.denseFaults(phone) {
				b.t.Errorf("%s: %s", at, fault)
			}
		}
	}
	b.Width(1280)
	b.Scheme("light")
}

func (b *Tab) denseFaults(phone bool) (faults []string) {
	b.t.Helper()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if wide := Ask[int64](b, `document.documentElement.scrollWidth`); wide > b.width {
		fault("%d px wide in a window of %d: %v", wide, b.width, Ask[[]string](b, overhanging))
	}
	if phone {
		for _, e := range Ask[[]string](b, thumbs) {
			fault("too small for a thumb: %s", e)
		}
	}
	if !Ask[bool](b, `document.querySelectorAll('h1').length === 1 && document.title !== '' && document.documentElement.lang !== ''`) {
		fault("there is not one heading, or no title, or no language")
	}
	if !Ask[bool](b, `getComputedStyle(document.body).fontFamily.includes('system-ui')`) {
		fault("the styles are not there")
	}
	return append(faults, b.Axe()...)
}

// thumbs are buttons and fields less than 44 px high, and links less than a line (WCAG 2.5.8), those within a sentence excepted.
const thumbs = `((targets) => targets.filter(e => !e.matches('.skip')).filter(e => {
	const part = e.matches('[type=checkbox], [type=radio]') ? e.closest('label') ?? e : e;
	const plain = e.matches('a:not(.btn), button.linkbtn');
	const inline = plain && e.parentElement.textContent.trim() !== e.textContent.trim() && getComputedStyle(e).display === 'inline';
	return !inline && part.getBoundingClientRect().height < (plain ? 20 : 43.5);
}).map(e => Math.round(e.getBoundingClientRect().height) + ' px: ' + e.outerHTML.slice(0, 160)))(` + targets + `)`

// overhanging names what reaches beyond the right edge.
const overhanging = `[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
	.map(e => e.outerHTML.slice(0, 120)).slice(-4)`
