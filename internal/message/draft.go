// Package message compiles a campaign once and then builds one reader's MIME message from it by splicing. It is pure: no
// database, no clock, no randomness of its own.
//
// Compile turns a Draft into runs (fixed octets that are already encoded for the wire), slots (where a reader's own
// values go) and optional groups (which a reader's mask switches on, in the HTML and the text part alike). Append joins them
// for one reader. Every message it makes is 7-bit, has lines of at most 76 characters in its body, ends lines in CRLF, and has
// no line that begins with "." or "From ", so that what is built is what goes over the wire.
package message

import (
	"time"

	"mailer/internal/dkim"
	"mailer/internal/links"
)

// Sizes that Compile and its callers judge by, in octets.
const (
	HTMLWarning = 90_000  // decoded HTML above this may be clipped by Gmail: a person should look before the send
	HTMLLimit   = 100_000 // decoded HTML above this is refused unless Draft.Force
	SizeLimit   = 500_000 // a whole message above this is refused unless Draft.Force
)

// Header is one extra header field of a message. Its name begins with "X-".
type Header struct{ Name, Value string }

// Draft is a message before it is compiled, the same for every reader.
type Draft struct {
	Campaign int64       // 0 for single mails
	Key      links.KeyID // the secret that the tokens of this message are made with
	Domain   string      // right side of every Message-ID of this message
	DKIM     dkim.Stamp  // the keys that sign it and when; zero: it is not signed here

	FromName    string // may be empty
	FromAddress string
	ReplyTo     string // an address; may be empty
	Subject     string
	Date        time.Time // frozen, with its zone; part of every copy and retry

	// Bulk adds the headers of list mail. Without it the message is a single mail (confirm, proof) and the next four
	// are not used.
	Bulk       bool
	ListName   string // display name of List-Id; may be empty
	ListLabel  string // for example weekly.lists.example.org; never changes (RFC 2919)
	FeedbackID string // up to four fields, for example 2026-11-22:weekly:bulk:examplenews; may be empty
	LeaveBase  string // what a leave token is appended to, for example https://news.example.org/u/
	LeaveAt    string // domain at which a mail to u-TOKEN unsubscribes as well; empty: none does

	AutoSubmitted bool // adds Auto-Submitted: auto-generated (RFC 3834), for confirm mails
	Extra         []Header

	Marks *Marks // the marks in HTML and Text; nil when there are none
	HTML  string
	Text  string

	Force bool // lets HTML above HTMLLimit and messages above SizeLimit pass
}

// Reader is what differs from one copy of a message to the next.
type Reader struct {
	To         string // address as it goes on the wire
	MessageID  string // without angle brackets
	Name       string // for SlotName; empty: the fallback
	LeaveToken string // for SlotLeave and List-Unsubscribe
	// PreferencesToken is for SlotPreferences; empty: the fallback.
	PreferencesToken string
	Ref              string // opaque reference of this delivery, for X-Campaign-Ref; empty: no such header
	Groups           uint64 // which optional groups are in
}
