package relay

import (
	"strconv"
	"strings"
)

// Classify says of a refusal (4yz or 5yz) at a stage what it means: whether to try again, and whose trouble it is.
//
// Three axes are kept apart: permanence, scope and action (RULES 1.9). The first digit of the basic code decides permanence,
// also where the enhanced code contradicts it. The class comes from the enhanced code where that says something particular,
// is refined by the text where it does not, and by the basic code last. Two exceptions err on the side of the reader: words
// that speak of a block outweigh an enhanced code that calls the mailbox dead, and nothing said before RCPT is about the
// recipient. Only ClassHard and ClassInactive with Failed say that the mailbox is dead.
//
// 421 is Requeue at every stage, as the relay closes the connection and means nobody in particular; so is a demand to log
// in. 552 at RCPT without an enhanced code is temporary (RFC 5321 section 4.5.3.1.10). A full mailbox is always Deferred.
// A code that is no refusal gives Accepted for 2yz and else ClassGarbage, as Doubt at the dot and Requeue before.
func Classify(stage string, code int, enhanced, text string) (Kind, string) {
	switch {
	case code == 421:
		return Requeue, ClassBusy
	case code/100 == 2:
		return Accepted, ""
	case code/100 != 4 && code/100 != 5:
		if stage == StageDot {
			return Doubt, ClassGarbage
		}
		return Requeue, ClassGarbage
	}
	r := refusal{stage: stage, code: code, text: strings.ToLower(text)}
	r.class, r.subject, r.detail = splitStatus(enhanced)
	if r.isAuth() {
		return Requeue, ClassAuth
	}
	if code/100 == 4 {
		return Deferred, r.temporary()
	}
	switch class := r.permanent(); {
	case class == ClassFull:
		return Deferred, ClassFull
	case r.tooMany():
		return Deferred, ClassTransient
	default:
		return Failed, class
	}
}

// refusal is a 4yz or 5yz with its enhanced code taken apart; subject and detail are 0 where there is none.
type refusal struct {
	stage                  string
	code                   int
	class, subject, detail int
	text                   string // lower case
}

func splitStatus(s string) (class, subject, detail int) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return 0, 0, 0
	}
	n := [3]int{}
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 || v > 999 {
			return 0, 0, 0
		}
		n[i] = v
	}
	return n[0], n[1], n[2]
}

func (r refusal) status(subject int, details ...int) bool {
	if r.class == 0 || r.subject != subject {
		return false
	}
	for _, d := range details {
		if r.detail == d {
			return true
		}
	}
	return false
}

func (r refusal) says(words ...string) bool {
	for _, w := range words {
		if strings.Contains(r.text, w) {
			return true
		}
	}
	return false
}

// aboutRecipient reports whether a refusal at this stage can be about the recipient at all.
func (r refusal) aboutRecipient() bool { return r.stage != StageMail && r.stage != StageRset }

// isAuth reports a demand to log in (RFC 4954 section 6). 5.7.13 after MAIL is a disabled account of the recipient.
func (r refusal) isAuth() bool {
	switch r.code {
	case 530, 534, 535, 538:
		return !(r.status(7, 13) && r.aboutRecipient())
	}
	return false
}

// tooMany reports a refusal for the number of recipients. 552 at RCPT once meant 452.
func (r refusal) tooMany() bool {
	return r.status(5, 3) || r.says("too many recipients") || r.code == 552 && r.stage == StageRcpt && r.class == 0 && !r.saysSize()
}

func (r refusal) temporary() string {
	switch {
	case r.saysGreylist():
		return ClassGreylist
	case r.status(2, 2), r.class == 0 && r.saysFull():
		return ClassFull
	case r.status(1, 7, 8):
		return ClassSender
	case r.status(7, 1) && r.class == 4 && !r.saysBlock() && (r.code == 450 || r.code == 451):
		return ClassGreylist
	case r.subject == 7, r.saysBlock():
		return ClassBlock
	case r.class == 0 && r.code == 451 && r.says("try again later", "try later", "please retry"):
		return ClassGreylist
	case r.status(2, 3), r.status(3, 4), r.class == 0 && r.saysSize():
		return ClassSize
	}
	return ClassTransient
}

func (r refusal) permanent() string {
	class := r.byStatus()
	if class == "" {
		class = r.byText()
	}
	if class == "" {
		class = r.byCode()
	}
	if class == ClassHard || class == ClassInactive {
		switch {
		case r.saysBlockPlainly():
			return ClassBlock
		case r.saysSender(), !r.aboutRecipient():
			return ClassSender
		}
	}
	if class == ClassFull && !r.aboutRecipient() {
		return ClassTransient
	}
	return class
}

// byStatus decides by an enhanced code that says something particular, RFC 3463 and the IANA registry of its codes.
func (r refusal) byStatus() string {
	switch {
	case r.class == 0:
		return ""
	case r.status(1, 1, 2, 3, 6, 10):
		return ClassHard
	case r.status(1, 7, 8, 9):
		return ClassSender
	case r.status(2, 1), r.status(7, 13):
		return ClassInactive
	case r.status(2, 2):
		if r.saysInactive() {
			return ClassInactive
		}
		return ClassFull
	case r.status(2, 3), r.status(3, 4):
		return ClassSize
	case r.status(4, 1) && r.says("recipient address rejected: access denied"):
		return ClassHard // Exchange Online for an address that its tenant does not know
	case r.status(6, 7, 9):
		return ClassUnsupported
	case r.status(7, 27) && !r.says("spf"):
		return ClassSender // a sender domain that takes no mail; Google uses the code for SPF
	case r.detail == 0 && r.subject != 7:
		return "" // "other" of its subject: the text knows more
	case r.subject == 7:
		return ClassBlock
	case r.subject == 5, r.subject == 6:
		return ClassSender
	case r.subject == 3, r.subject == 4:
		return ClassTransient
	}
	return ""
}

func (r refusal) byText() string {
	switch {
	case r.saysBlockPlainly():
		return ClassBlock
	case r.saysInactive():
		return ClassInactive
	case r.saysFull():
		return ClassFull
	case r.saysUnknown():
		return ClassHard
	case r.saysSender():
		return ClassSender
	case r.saysSize():
		return ClassSize
	case r.saysBlock():
		return ClassBlock
	}
	return ""
}

// byCode decides by the basic code, and by the subject where the enhanced code says no more. What nobody explains counts
// as a block: it never costs a reader, and the brake sees it.
func (r refusal) byCode() string {
	switch r.code {
	case 500, 501, 502, 503, 504, 555:
		return ClassSender
	case 551, 556:
		return ClassHard
	case 552:
		return ClassSize
	case 525:
		return ClassInactive
	}
	switch {
	case !r.aboutRecipient():
		return ClassSender
	case r.subject == 5, r.subject == 6:
		return ClassSender
	case r.subject >= 2 && r.subject <= 4:
		return ClassTransient
	}
	return ClassBlock
}

func (r refusal) saysGreylist() bool {
	return r.says("greylist", "graylist", "grey list", "gray list", "grey-list", "gray-list", "postgrey")
}

// saysBlockPlainly reports words that only ever speak of the sender's reputation or content.
func (r refusal) saysBlockPlainly() bool {
	return r.says("spamhaus", "spamcop", "blocklist", "block list", "block-list", "blacklist", "black list", "dnsbl", "blocked using",
		"reputation", "unsolicited", "spam message", "dt:spm", "s3150", "s3140", "[bl2", "[bl0", "listed at ", "listed in ",
		"content rejected", "barracuda", "sendersupport", "postmaster.yahoo", "bulk mail")
}

// saysBlock adds words that speak of policy as a rule.
func (r refusal) saysBlock() bool {
	return r.saysBlockPlainly() || r.says("spam", "blocked", "policy", "rate limit", "rate-limit", "ratelimit", "too many messages", "too much mail",
		"unusual rate", "temporarily deferred due", "[tss", "dmarc", "dkim", "spf", "unauthenticated", "not authorized", "denied", "banned",
		"prohibited", "virus", "phish", "abuse", "reverse dns", "rdns", "ptr record", "client host rejected", "cannot find your",
		"content", "relaying", "unable to relay")
}

// saysUs reports words that make what is unknown or disabled something of ours: our account at the relay, our host, our DNS.
func (r refusal) saysUs() bool {
	return r.says("sender", "your account", "your domain", "your host", "your ip", "ip address", "client host", "smtp auth", "helo", "ehlo",
		"ptr", "reverse", "rdns", "dns record", "spf", "dkim", "dmarc")
}

func (r refusal) saysInactive() bool {
	if r.saysUs() {
		return false
	}
	if r.says("overquotaperm", "disableduser", "user is inactive", "inactive user", "inactive mailbox") {
		return true
	}
	return r.says("mailbox", "account", "user", "recipient") &&
		r.says("disabled", "inactive", "suspended", "deactivated", "not active", "no longer active", "has been closed", "expired")
}

func (r refusal) saysFull() bool {
	if r.says("sending quota", "daily", "message quota", "per hour", "per day", "rate limit", "sending rate") {
		return false
	}
	return r.says("over quota", "overquota", "quota exceeded", "exceeded its quota", "mailbox full", "mailbox is full", "out of storage",
		"mailbox has exceeded", "exceeded storage allocation", "not enough space", "no space left for this user", "inbox is full", "inbox full")
}

func (r refusal) saysUnknown() bool {
	if r.saysUs() {
		return false
	}
	return r.says("user unknown", "unknown user", "no such user", "no such recipient", "no such mailbox", "no such address", "does not exist",
		"doesn't exist", "user not found", "mailbox not found", "recipient not found", "address not found", "unknown recipient", "recipient unknown",
		"unknown mailbox", "mailbox unknown", "address unknown", "unknown address", "unknown local part", "invalid recipient", "invalid mailbox",
		"not a valid mailbox", "not a valid user", "have a yahoo.com account", "does not have an account", "doesn't have an account", "no mailbox here", "mailbox unavailable", "unrouteable address",
		"unroutable address", "recipient address rejected: access denied", "bad destination mailbox",
		"domain not found", "host or domain name not found", "does not accept mail", "null mx")
}

func (r refusal) saysSender() bool {
	return r.says("sender address", "sender rejected", "sender denied", "sender verify", "invalid sender", "sender domain", "sender unknown",
		"sender not", "return path", "return-path", "envelope from", "mail from")
}

func (r refusal) saysSize() bool {
	return r.says("too big", "too large", "size limit", "maximum size", "message size", "max message size", "exceeds size", "exceeds the size")
}
