package report

import "strings"

// words are how figures are called for people.
var words = map[string]string{
	// why a reader was refused, or put off
	"hard": "No such mailbox", "inactive": "Mailbox disabled", "full": "Mailbox full", "block": "Blocked: our reputation or content", "sender": "Our sender or message is at fault",
	"size": "Message too large", "greylist": "Asked to come back", "transient": "Trouble at their server", "unsupported": "Address not supported by the relay",
	"auth": "The relay wants a log-in", "busy": "Relay busy", "link": "Connection broke", "timeout": "No reply in time", "garbage": "Unintelligible reply",
	"cancelled": "Stopped by us", "permit": "Not allowed any more", "crash": "A sender stopped", "": "Other",
	// how readers left
	"unsubscribed": "Left this list", "unsubscribed_all": "Left all mail", "suppressed": "Suppressed", "undone": "Took it back",
	"one-click": "unsubscribe button of their mail program", "form": "our page", "mailto": "by mail", "complaint": "Complaint", "bounce": "dead mailbox", "admin": "by an editor",
	"preferences": "preference centre", "schedule": "end of consent", "import": "import", "confirm-link": "confirm link",
	// why they left
	"often": "Too often", "interest": "Not interested any more", "never": "Never signed up", "other": "Another reason",
	// why an address is suppressed
	"hard_bounce": "Dead mailbox", "legal": "Legal demand", "manual": "By an editor",
}

// word says what a short name of the tables means.
func word(name string) string {
	if w, ok := words[name]; ok {
		return w
	}
	return strings.ReplaceAll(name, "_", " ")
}

// Word is word for templates: they reach it through the data of a page.
func (worded) Word(name string) string { return word(name) }

// worded lets a template call Word.
type worded struct{}
