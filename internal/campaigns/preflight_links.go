package campaigns

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/render"
)

// target is an address that a campaign leads to.
type target struct {
	at   Place
	what string // whose it is, for people
	url  string
}

func (t target) hash() []byte {
	sum := sha256.Sum256([]byte(t.url))
	return sum[:]
}

// targets returns where the links and images of a campaign lead, each address once, with the first place that it stands in. Our own
// pages are left out.
func (r *Reviews) targets(c Campaign, p *prepared) []target {
	var list []target
	seen := map[string]bool{}
	own, _ := url.Parse(r.svc.URLs.Base)
	add := func(at Place, what, address string) {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || own != nil && u.Host == own.Host || seen[address] {
			return
		}
		seen[address] = true
		list = append(list, target{at, what, address})
	}
	photo := func(at Place, what string, i *render.Image) {
		if i != nil {
			add(at, what, i.URL)
		}
	}
	for i, b := range p.content.Blocks {
		at := Place{Block: i + 1, ID: b.ID}
		for _, l := range render.LinksOf(b.Text) {
			add(at, "a link in a text", l)
		}
		photo(at, "an image", b.Image)
		add(at, "the link of an image", b.URL)
		if b.Appeal != nil {
			add(at, "the appeal's button", b.Appeal.URL)
			for _, l := range render.LinksOf(b.Appeal.Body) {
				add(at, "a link in the appeal", l)
			}
		}
		if b.Sponsor != nil {
			add(at, "the sponsor's link", b.Sponsor.URL)
			photo(at, "the sponsor's image", b.Sponsor.Image)
			for _, l := range render.LinksOf(b.Sponsor.Text) {
				add(at, "a link of the sponsor", l)
			}
		}
		for _, s := range b.Stories {
			at.Story = s.ArticleID
			title := "“" + clip(s.Title, 60) + "”"
			add(at, title, s.URL)
			photo(at, "the photo of "+title, s.Image)
			if c.Template == render.TemplateStory {
				for _, l := range render.LinksIn(s.BodyHTML) {
					add(at, "a link in "+title, l)
				}
			}
		}
	}
	return list
}

// What is known of a link is good for so long; what may have been mended is looked at again sooner.
const (
	linkHolds    = 6 * time.Hour
	linkMaybe    = 5 * time.Minute
	linkForgot   = 7 * 24 * time.Hour
	linkFine     = "fine"
	linkDead     = "dead"
	linkMoved    = "moved"
	linkFront    = "front"
	linkTrouble  = "trouble"
	linkPrivate  = "private"
	linkUnknown  = "" // never looked at, or long ago
	shownAddress = 80
)

// linkCheck is what was found at an address.
type linkCheck struct {
	Hash    []byte    `db:"url_hash"`
	State   string    `db:"state"`
	Said    string    `db:"said"`
	LeadsTo string    `db:"leads_to"`
	At      time.Time `db:"checked_at"`
}

// fresh reports whether it need not be looked at again yet.
func (l linkCheck) fresh(now time.Time) bool {
	holds := linkHolds
	if l.State != linkFine && l.State != linkMoved {
		holds = linkMaybe
	}
	return now.Sub(l.At) < holds
}

// known returns what is known of the targets, by the hash of the address.
func (r *Reviews) known(ctx context.Context, list []target) (map[string]linkCheck, error) {
	hashes := make([][]byte, len(list))
	for i, t := range list {
		hashes[i] = t.hash()
	}
	var rows []linkCheck
	if err := r.svc.DB.SelectContext(ctx, &rows, `SELECT url_hash, state, said, leads_to, checked_at FROM link_checks
		WHERE url_hash = ANY ($1) AND checked_at > $2`, pq.ByteaArray(hashes), r.svc.Now().Add(-linkForgot)); err != nil {
		return nil, db.Err(err, "read what is known of links")
	}
	known := make(map[string]linkCheck, len(rows))
	for _, row := range rows {
		known[string(row.Hash)] = row
	}
	return known, nil
}

// checkLinks tells what is known of where the campaign leads. It asks nobody: LookAtLinks does, and no approval waits for it.
func (r *Reviews) checkLinks(ctx context.Context, c Campaign, p *prepared) error {
	if r.svc.Fetch == nil {
		return nil
	}
	list := r.targets(c, p)
	known, err := r.known(ctx, list)
	if err != nil {
		return err
	}
	unknown := 0
	for _, t := range list {
		l, shown := known[string(t.hash())], clip(t.url, shownAddress)
		switch l.State {
		case linkUnknown:
			unknown++
		case linkDead:
			p.at(t.at, Warned, "dead", "%s leads nowhere: %s %s", t.what, shown, l.Said)
		case linkFront:
			p.at(t.at, Warned, "dead", "%s leads to the front page of its site, as links to pages that are gone do: %s", t.what, shown)
		case linkPrivate:
			if !r.svc.Development {
				p.at(t.at, Warned, "dead", "%s is not on the public internet: %s", t.what, shown)
			}
		case linkMoved:
			p.at(t.at, Noted, "moved", "%s is sent on from %s to %s", t.what, shown, clip(l.LeadsTo, shownAddress))
		case linkTrouble:
			p.at(t.at, Noted, "unread", "%s could not be looked at: %s", t.what, l.Said)
		}
	}
	if unknown > 0 {
		p.add(Noted, "unchecked", "links that nobody has looked at yet: %s", fmt.Sprint(unknown))
	}
	return nil
}

// trimmed is an address for comparing: whether it ends in a slash, and whether http became https, is nobody's concern.
func trimmed(address string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://"), "/")
}
