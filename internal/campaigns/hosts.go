package campaigns

import (
	"net/url"

	"mailer/internal/render"
)

// maxElsewhere is how many links beyond the publication's own hosts are named one by one.
const maxElsewhere = 3

// hosts are those that the mail of a campaign is expected to lead to: the pages of this service, the list's home page, and where each
// story, its photo and each appeal is, as somebody chose them. Links to other hosts are ordinary in stories that quote their
// sources, so they are no fault; but it is by its links that a mail is judged, and whoever approves it should see them (MSG-26).
func (s *Service) hosts(p *prepared) []string {
	addresses := []string{s.URLs.Base, p.list.HomeURL, p.list.LogoURL}
	for _, b := range p.content.Blocks {
		if b.Appeal != nil {
			addresses = append(addresses, b.Appeal.URL)
		}
	}
	for _, st := range storiesOf(p.content.Blocks) {
		addresses = append(addresses, st.URL)
		if st.Image != nil {
			addresses = append(addresses, st.Image.URL)
		}
	}
	var hosts []string
	for _, a := range addresses {
		if u, err := url.Parse(a); err == nil && u.Hostname() != "" {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}

// noteElsewhere tells of the links that lead to other hosts than the publication's.
func (p *prepared) noteElsewhere(found []render.Problem) {
	for i, f := range found {
		if i == maxElsewhere && len(found) > maxElsewhere+1 {
			p.add(Noted, "host", "%d more links and images lead to hosts that are not the publication's", len(found)-i)
			return
		}
		p.add(Noted, "host", "%s", f.Detail)
	}
}
