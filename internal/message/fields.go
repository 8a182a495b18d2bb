package message

import (
	"net"
	"net/textproto"
	"net/url"
	"strings"
	"unicode/utf8"

	"mailer/internal/errs"
)

const (
	maxSubject = 500 // characters
	maxPhrase  = 120 // characters of a display name
	maxListID  = 255 // octets (RFC 2919 section 3)
	maxExtra   = 4   // extra fields
)

// reserved are fields that the message writes itself, and fields that have no place in it: they belong to the receiver, or
// tell what software runs here.
var reserved = map[string]bool{"X-Auto-Response-Suppress": true, "X-Campaign-Ref": true, "X-Mailer": true, "X-Priority": true}

// check says what is wrong with the header fields of a draft.
func (d *Draft) check() error {
	if d.Subject == "" {
		return errs.Field("subject", "is empty; write what the mail is about")
	}
	if n := utf8.RuneCountInString(d.Subject); n > maxSubject {
		return errs.Field("subject", "has %d characters, more than %d; make it shorter", n, maxSubject)
	}
	type value struct{ field, s string }
	for _, v := range []value{{"subject", d.Subject}, {"from name", d.FromName}, {"list name", d.ListName}} {
		if err := CheckHeader(v.field, v.s); err != nil {
			return err
		}
		if strings.Contains(v.s, d.Marks.tag) {
			return errs.Field(v.field, "has the mark of a reader's value; it must be the same for every reader")
		}
	}
	for _, v := range []value{{"from name", d.FromName}, {"list name", d.ListName}} {
		if utf8.RuneCountInString(v.s) > maxPhrase {
			return errs.Field(v.field, "is longer than %d characters; make it shorter", maxPhrase)
		}
	}
	if err := CheckAddress("from address", d.FromAddress); err != nil {
		return err
	}
	if d.ReplyTo != "" {
		if err := CheckAddress("reply-to", d.ReplyTo); err != nil {
			return err
		}
	}
	if d.Campaign < 0 {
		return errs.Field("campaign", "is negative; campaigns count from 1")
	}
	if y := d.Date.Year(); y < 2000 || y > 9999 {
		return errs.Field("date", "is not set; it is the moment when the message was frozen")
	}
	if d.Domain != "" && !isDomain(d.Domain) {
		return errs.Field("domain", "%q is not a domain; write it like mail.example.org, in A-label form", d.Domain)
	}
	if len(d.DKIM.Keys) > maxKeys || !d.DKIM.IsZero() && d.DKIM.Time <= 0 {
		return errs.Field("dkim", "has more than %d keys, or no time", maxKeys)
	}
	if err := d.checkExtra(); err != nil {
		return err
	}
	if d.Bulk {
		return d.checkBulk()
	}
	return nil
}

func (d *Draft) checkExtra() error {
	if len(d.Extra) > maxExtra {
		return errs.Field("header", "has more than %d extra fields; take some out", maxExtra)
	}
	seen := make(map[string]bool)
	for _, h := range d.Extra {
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		switch {
		case !isFieldName(h.Name):
			return errs.Field("header", "%q is not the name of an extra field; it must be X- followed by letters, digits and hyphens", h.Name)
		case reserved[name]:
			return errs.Field("header", "%s is not for drafts to set; take it out", name)
		case seen[name]:
			return errs.Field("header", "%s occurs twice; a field occurs once", name)
		case strings.Trim(h.Value, " ") == "" || len(h.Value) > 500:
			return errs.Field("header", "%s must have a value of at most 500 octets", name)
		}
		seen[name] = true
		if err := CheckHeader(name, h.Value); err != nil {
			return err
		}
	}
	return nil
}

// checkBulk checks what list mail has besides.
func (d *Draft) checkBulk() error {
	subject := strings.ToLower(d.Subject)
	for _, prefix := range []string{"re:", "fwd:", "fw:"} {
		if strings.HasPrefix(subject, prefix) {
			return errs.Field("subject", "begins with %q, as if it were an answer; providers treat that as deceit, so leave it out", prefix)
		}
	}
	switch {
	case d.Campaign <= 0:
		return errs.Field("campaign", "is not set; list mail belongs to a campaign")
	case d.Key == "":
		return errs.Field("key", "is not set; it names the secret of the leave tokens")
	case d.Domain == "":
		return errs.Field("domain", "is not set; it is the right side of Message-IDs, for example mail.example.org")
	case !isDotAtom(d.ListLabel, false) || !strings.Contains(d.ListLabel, "."):
		return errs.Field("list label", "%q is not a List-Id; write it like weekly.lists.example.org", d.ListLabel)
	case len(unfolded(d.listID())) > maxListID:
		return errs.Field("list label", "and the list's name together are longer than %d octets; make the name shorter", maxListID)
	}
	if err := checkLeaveBase(d.LeaveBase); err != nil {
		return err
	}
	if d.LeaveAt != "" && !isDomain(d.LeaveAt) {
		return errs.Field("leave domain", "%q is not a domain; write it like bounce.example.org, in A-label form", d.LeaveAt)
	}
	return checkFeedbackID(d.FeedbackID)
}

// checkLeaveBase accepts https, and http on this machine only: that is development, where nothing leaves it.
func checkLeaveBase(base string) error {
	u, err := url.Parse(base)
	ip := net.IP(nil)
	if err == nil {
		ip = net.ParseIP(u.Hostname())
	}
	local := err == nil && u.Scheme == "http" && (u.Hostname() == "localhost" || ip.IsLoopback())
	if err != nil || u.Scheme != "https" && !local || u.Hostname() == "" || u.User != nil || !strings.HasSuffix(base, "/") ||
		len(base) > 800 || strings.ContainsAny(base, "<>?#\"") {
		return errs.Field("leave address", "%q is not the start of an https address; write it like https://news.example.org/u/", base)
	}
	for i := range len(base) {
		if base[i] <= ' ' || base[i] > '~' {
			return errs.Field("leave address", "%q has characters that an address in a header may not have", base)
		}
	}
	return nil
}

// checkFeedbackID wants at most four fields, the last of 5 to 15 characters (Gmail's feedback loop).
func checkFeedbackID(id string) error {
	if id == "" {
		return nil
	}
	fields := strings.Split(id, ":")
	sender := fields[len(fields)-1]
	if len(fields) > 4 || len(sender) < 5 || len(sender) > 15 || len(id) > 200 {
		return errs.Field("feedback id", "%q must have at most four parts with colons between them, the last of 5 to 15 characters", id)
	}
	for i := range len(id) {
		if !isAlphanumeric(id[i]) && strings.IndexByte(":-_.", id[i]) < 0 {
			return errs.Field("feedback id", "%q may have letters, digits and - _ . only", id)
		}
	}
	return nil
}

// ListLabel returns what names a list to mail programs, such as weekly.lists.example.org.
func ListLabel(slug, domain string) string { return slug + ".lists." + domain }

// CheckListID refuses a name that makes a List-Id too long with its label: for the moment a list is named, since every draft
// of it would be refused later.
func CheckListID(field, name, label string) error {
	d := Draft{ListName: name, ListLabel: label}
	if n := len(unfolded(d.listID())); n > maxListID {
		return errs.Field(field, "is %d octets too long for the header of a mail (List-Id); make it shorter", n-maxListID)
	}
	return nil
}

// listID returns the List-Id field (RFC 2919 section 2).
func (d *Draft) listID() []byte {
	f := newField("List-Id")
	if d.ListName != "" {
		f.phrase(d.ListName)
	}
	f.piece("<" + d.ListLabel + ">")
	return f.end()
}

// unfolded returns the value of a field as one line.
func unfolded(field []byte) string {
	_, value, _ := strings.Cut(strings.ReplaceAll(string(field), "\r\n", ""), ":")
	return strings.TrimSpace(value)
}

// header adds the header of the message, in an order that never changes. The caller has checked every value.
func (d *Draft) header(b *builder, boundary string) {
	from := newField("From")
	if d.FromName != "" {
		from.phrase(d.FromName)
	}
	from.piece("<" + d.FromAddress + ">")
	b.run(0, from.end())
	b.add(opTo, 0, nil)
	subject := newField("Subject")
	subject.unstructured(d.Subject)
	b.run(0, subject.end())
	b.fixed("Date: " + d.Date.Format(dateLayout) + "\r\n")
	b.add(opMessageID, 0, nil)
	if d.ReplyTo != "" {
		replyTo := newField("Reply-To")
		replyTo.piece("<" + d.ReplyTo + ">")
		b.run(0, replyTo.end())
	}
	if d.Bulk {
		b.run(0, d.listID())
		leave := d.LeaveBase
		if d.LeaveAt != "" {
			leave += leaveAtMark + d.LeaveAt
		}
		b.add(opUnsubscribe, 0, []byte(leave))
		b.fixed("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
		if d.FeedbackID != "" {
			feedback := newField("Feedback-ID")
			feedback.piece(d.FeedbackID)
			b.run(0, feedback.end())
		}
		b.fixed("Precedence: bulk\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\n")
	}
	if d.AutoSubmitted {
		b.fixed("Auto-Submitted: auto-generated\r\n")
	}
	b.add(opRef, 0, nil)
	for _, h := range d.Extra {
		f := newField(h.Name)
		f.unstructured(strings.Trim(h.Value, " "))
		b.run(0, f.end())
	}
	b.fixed("MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"" + boundary + "\"\r\n\r\n")
}
