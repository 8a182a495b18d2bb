package relay

import "time"

// Kind says what came of an attempt, in terms of what is known and not of what went wrong.
type Kind string

// The kinds of result.
const (
	// Accepted: the relay answered 2yz to the final dot and has taken responsibility. Whatever follows changes nothing.
	Accepted Kind = "accepted"
	// Deferred: the relay answered 4yz for this recipient or message; it surely did not take it, a later try may do.
	Deferred Kind = "deferred"
	// Failed: the relay answered 5yz (or the message cannot be sent to this relay at all); Class says whose fault it is.
	Failed Kind = "failed"
	// Doubt: the final dot may have been written and no reply to it could be read.
	Doubt Kind = "doubt"
	// Requeue: no dot was written and nothing was said of this recipient: the link dropped, the relay said 421, it wants
	// authentication, the context ended. Trying again risks no copy; it is not an attempt that counts against the reader.
	Requeue Kind = "requeue"
	// Refused: the permit was not given; the connection was closed without a dot.
	Refused Kind = "refused"
)

// Classes of a refusal: whose trouble it is. Only Hard and Inactive say that the mailbox is dead.
const (
	ClassHard        = "hard"        // no such mailbox or domain
	ClassInactive    = "inactive"    // the mailbox is disabled
	ClassFull        = "full"        // the mailbox is full
	ClassBlock       = "block"       // policy, content or reputation: it is about us, never about the reader
	ClassSender      = "sender"      // our sender address, our commands or our message are at fault
	ClassSize        = "size"        // the message is too large
	ClassGreylist    = "greylist"    // come back in some minutes with the same envelope
	ClassTransient   = "transient"   // host or network trouble
	ClassUnsupported = "unsupported" // the address or message needs an extension that the relay does not have
	ClassAuth        = "auth"        // the relay wants us to log in
)

// Classes of a result that is about the connection and not about the recipient.
const (
	ClassBusy      = "busy"      // 421: the relay closes the connection
	ClassLink      = "link"      // the connection broke
	ClassTimeout   = "timeout"   // no reply in time
	ClassGarbage   = "garbage"   // a reply that is none, or the wrong one for its command
	ClassCancelled = "cancelled" // our own context ended
	ClassPermit    = "permit"    // the permit was not given
)

// Stages of a transaction.
const (
	StageCheck = "check" // before any command
	StageRset  = "rset"
	StageMail  = "mail"
	StageRcpt  = "rcpt"
	StageData  = "data"
	StageBody  = "body"
	StageDot   = "dot"
)

// Envelope is the SMTP envelope of one message: one sender, one recipient.
type Envelope struct {
	From string // envelope sender without angle brackets; empty is the null reverse-path
	To   string // recipient without angle brackets
	UTF8 bool   // the message itself (its headers) needs SMTPUTF8, RFC 6531
}

// Result is what is known of one attempt.
type Result struct {
	Kind     Kind
	Class    string // one of the Class constants; empty when accepted
	Stage    string // the Stage that decided
	Code     int    // basic reply code; 0 when there was no reply
	Enhanced string // enhanced status code (RFC 3463), "5.1.1"; may be empty
	Text     string // the reply's text: valid UTF-8, one line, control characters escaped, at most MaxText bytes
	QueueID  string // the relay's name for an accepted message, where it gives one
	// Reusable says that the connection may carry another message. When false it is closed or must be.
	Reusable bool
	Took     time.Duration
	Err      error // the cause when there was no reply; for the log
}

// MaxText is the length in bytes at which Result.Text is cut.
const MaxText = 500
