package articles

// creditFollows reports whether unit i is a caption whose credit stands on the next line.
func (p *head) creditFollows(i int) bool {
	if i+1 >= len(p.units) || p.units[i].words() > 70 || p.story.Image != nil && p.story.Image.Caption != "" {
		return false
	}
	next := p.units[i+1]
	caption, credit, strong := splitCaption(next.text)
	return credit != "" && strong && caption == "" && (!next.gap || p.story.Dek != "" || i > 2)
}

// takeDek takes unit i for the dek if it is one: the first text below the headline that is no longer than a dek is, and
// that something of the head still follows.
func (p *head) takeDek(i int) bool {
	u := p.units[i]
	if p.story.Dek != "" || u.words() > 75 || numbered.MatchString(u.text) || p.looksLikeSubhead(i) && len(p.authors) > 0 {
		return false
	}
	ahead := 0
	switch next := p.next(i); {
	case p.furnitureAhead(i):
		ahead = 2
	case next == isAuthorInfo, next == isName && len(p.authors) == 0, next == isCaption && u.words() <= 45:
		ahead = 1
	}
	settled := len(p.authors) > 0 || p.dated > 0 // the head is complete: what follows is more likely the story
	switch {
	case ahead == 2, ahead == 1 && (!settled || u.words() <= 35):
	case !settled && !endsSentence(u.text) && u.words() <= 45 && u.words() >= 4:
	case !settled && u.words() <= 40 && p.longerFollows(i):
	default:
		return false
	}
	p.story.Dek, p.dekAt = u.text, i
	return true
}

// next returns the kind of the unit behind i, lines of the page skipped.
func (p *head) next(i int) furniture {
	for _, u := range p.units[min(i+1, len(p.units)):] {
		if k := p.kindOfUnit(u); k != isPage {
			return k
		}
	}
	return isText
}

// furnitureAhead reports whether a byline, a date or a labelled line follows unit i: directly, or, as long as none has come
// yet, behind at most two short texts.
func (p *head) furnitureAhead(i int) bool {
	texts := 0
	for _, u := range p.units[min(i+1, len(p.units)):] {
		switch p.kindOfUnit(u) {
		case isByline, isDate, isLabel, isField, isMakers:
			return true
		case isPage:
			continue
		case isText:
			if texts++; texts <= 2 && u.words() <= 60 && len(p.authors) == 0 && p.dated == 0 {
				continue
			}
		case isCaption:
			if len(p.authors) == 0 && p.dated == 0 {
				continue
			}
		}
		return false
	}
	return false
}

// longerFollows reports whether the paragraphs after i are of quite another length than i, as a story's are beside its
// dek, where nothing else tells them apart.
func (p *head) longerFollows(i int) bool {
	total, n := 0, 0
	for _, u := range p.units[i+1:] {
		if u.words() > 12 {
			total += u.words()
			n++
		}
		if n == 4 {
			break
		}
	}
	return n >= 2 && total/n >= 2*p.units[i].words() && p.units[i].words() >= 6
}

func (p *head) looksLikeSubhead(i int) bool {
	u := p.units[i]
	return u.short(10) && !endsSentence(u.text)
}
