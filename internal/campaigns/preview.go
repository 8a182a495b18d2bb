package campaigns

import (
	"context"
	"io"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/message"
)

// Reader is whose eyes a preview is for.
type Reader struct {
	Name      string // empty: the text that stands in for it
	Supporter bool
	TopicsOff []string // slugs of the topics that the reader does not want
}

// Preview is a campaign as a reader would get it. Its links to leave and to give lead nowhere or to the plain page, so that
// looking at it changes and counts nothing.
type Preview struct {
	Subject  string    `json:"subject"`
	HTML     string    `json:"html"`
	Text     string    `json:"text"`
	Web      string    `json:"web"` // the page for browsers, the same for everyone
	EML      []byte    `json:"eml"` // the whole message as it goes over the wire
	HTMLSize int       `json:"html_size"`
	Problems []Problem `json:"problems"` // see Preflight
	Whom     Whom      `json:"audience"`
}

// previewAddress is whom previews are addressed to (RFC 2606).
const previewAddress = "reader@example.org"

// Preview renders a campaign as it is now. Errors: NotFound; Invalid where it cannot be rendered.
func (s *Service) Preview(ctx context.Context, id int64, r Reader) (Preview, error) {
	c, err := load(ctx, s.DB, id)
	if err != nil {
		return Preview{}, err
	}
	p, err := s.prepare(ctx, c)
	if err != nil {
		return Preview{}, err
	}
	pr, err := s.print(c, p.content, p.groups, p.list, s.Now(), forPreview, true)
	if err != nil {
		return Preview{}, err
	}
	whom, err := s.whom(ctx, c, &p)
	if err != nil {
		return Preview{}, err
	}
	groups, err := p.groups.of(r)
	if err != nil {
		return Preview{}, err
	}
	if !p.groups.reaches(groups) {
		p.add(Noted, "nothing", "a reader like this gets no mail: no story is left")
	}
	v := Preview{Whom: whom, Subject: c.Subject, Web: pr.out.Web, HTMLSize: pr.compiled.HTMLSize(groups), Problems: p.problems}
	v.EML, err = pr.compiled.Append(nil, &message.Reader{To: previewAddress, MessageID: links.NewMessageID(s.MailDomain), Name: r.Name,
		LeaveToken: "preview", Groups: groups})
	if err != nil {
		return Preview{}, err
	}
	v.Text, v.HTML, err = parts(v.EML)
	return v, err
}

// parts reads the two bodies of a message, so that what a preview shows is what was built.
func parts(eml []byte) (text, html string, err error) {
	m, err := mail.ReadMessage(strings.NewReader(string(eml)))
	if err != nil {
		return "", "", errs.Wrap(err, errs.Internal, "read the message just built")
	}
	_, boundary, _ := strings.Cut(m.Header.Get("Content-Type"), `boundary="`)
	boundary, _, _ = strings.Cut(boundary, `"`)
	r := multipart.NewReader(m.Body, boundary)
	var bodies []string
	for {
		part, err := r.NextRawPart()
		if err == io.EOF {
			break
		} else if err != nil {
			return "", "", errs.Wrap(err, errs.Internal, "read the message just built")
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return "", "", errs.Wrap(err, errs.Internal, "read the message just built")
		}
		bodies = append(bodies, strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	if len(bodies) != 2 {
		return "", "", errs.New(errs.Internal, "the message just built has %d parts", len(bodies))
	}
	return bodies[0], bodies[1], nil
}
