package articles

import (
	"strings"
)

// middle takes out of the story what belongs to the page around it: shares, links to other stories, captions of photos
// that are not here, sentences pulled out of the text to stand larger beside it.
func (p *plain) middle(units []unit) []unit {
	var out []unit
	dropped := false // the unit before was a pulled quote
	skip := -1
	for i, u := range units {
		if i == skip {
			continue
		}
		quote := pulled(units, i)
		if dropped && attributed.MatchString(u.text) && u.words() <= 14 {
			dropped = false
			continue
		}
		dropped = quote
		caption, credit, strong := splitCaption(u.text)
		switch {
		case u.opaque:
			out = append(out, u)
		case isJunk(u.text):
			p.drop(u.text)
		case credit != "" && strong && u.words() < 90 && (caption == "" || strings.Contains(credit, "/") || agencies.MatchString(credit) ||
			creditLabel.MatchString(u.text)):
			if p.story.Image == nil || p.story.Image.Caption == "" && p.story.Image.Credit == "" {
				if caption == "" && len(out) > 0 && !u.gap && out[len(out)-1].words() < 60 { // the caption is the line before
					caption = out[len(out)-1].text
					out = out[:len(out)-1]
				}
				captioned(p.image(), caption+" ("+credit+")")
				if p.story.Image.Credit == "" {
					p.story.Image.Credit = credit
				}
				p.story.Image.Caption = caption
				continue
			}
			p.drop(u.text)
			if caption == "" && i+1 < len(units) && !units[i+1].gap && units[i+1].words() < 40 { // its caption stands below it
				skip = i + 1
				p.drop(units[i+1].text)
			}
		case onlyURL.MatchString(u.text):
			p.link(u.text)
		case quote:
			p.notes = append(p.notes, "pulled quote left out, it stands in the text: "+cut(u.text, 70))
		case strings.EqualFold(u.text, p.story.Title) || p.story.Dek != "" && strings.EqualFold(u.text, p.story.Dek):
		default:
			out = append(out, u)
		}
	}
	return out
}

// maxPulled is how far, in units, a pulled quote stands from its sentence.
const maxPulled = 60

// pulled reports whether unit i repeats words of another unit.
func pulled(units []unit, i int) bool {
	t := strings.ToLower(strings.Trim(units[i].text, "“”\"«» .…"))
	if units[i].words() < 5 || units[i].words() > 45 {
		return false
	}
	for j, u := range units[max(0, i-maxPulled):min(len(units), i+maxPulled)] {
		if j != min(i, maxPulled) && len(u.text) > len(t)+20 && strings.Contains(strings.ToLower(u.text), t) {
			return true
		}
	}
	return false
}
