package relay_test

import (
	"strings"
	"testing"

	"mailer/internal/relay"
)

// The shapes in which large services and common servers refuse, in our own words. Each case is stage, code, enhanced code
// and text, and what we make of it.
func TestClassify(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		stage string
		code  int
		enh   string
		text  string
		want  string
	}{
		// SND-09: the mailbox is dead.
		{"rcpt", 550, "5.1.1", "The email account that you tried to reach does not exist. - gsmtp", "failed hard"},
		{"dot", 550, "5.1.1", "<a@b.example>: Recipient address rejected: User unknown in virtual mailbox table", "failed hard"},
		{"rcpt", 550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "failed hard"},
		{"rcpt", 550, "5.1.2", "Bad destination system address", "failed hard"},
		{"rcpt", 553, "5.1.3", "Not a valid address", "failed hard"},
		{"rcpt", 550, "5.1.6", "The mailbox has moved", "failed hard"},
		{"rcpt", 556, "5.1.10", "Domain does not accept mail (null MX)", "failed hard"},
		{"rcpt", 556, "", "Domain does not accept mail", "failed hard"},
		{"rcpt", 551, "", "User not local; please try elsewhere", "failed hard"},
		{"rcpt", 550, "", "Unrouteable address", "failed hard"},
		{"rcpt", 550, "", "No such user here", "failed hard"},
		{"rcpt", 550, "", "Requested action not taken: mailbox unavailable", "failed hard"},
		{"rcpt", 550, "5.5.0", "Requested action not taken: mailbox unavailable (S2017062302)", "failed hard"},
		{"rcpt", 550, "5.4.1", "Recipient address rejected: Access denied. AS(201806281)", "failed hard"},
		{"dot", 554, "", "delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [0] - mta4.example", "failed hard"},
		{"rcpt", 550, "5.0.0", "Unknown recipient", "failed hard"},
		{"rcpt", 550, "5.1.0", "Address unknown", "failed hard"},
		{"rcpt", 550, "4.1.1", "No such user", "failed hard"}, // contradiction: the basic code decides that it is permanent
		// SND-09: the mailbox is disabled.
		{"rcpt", 550, "5.2.1", "The email account that you tried to reach is inactive. - gsmtp", "failed inactive"},
		{"dot", 554, "", "30 Sorry, your message to a@yahoo.com cannot be delivered. This mailbox is disabled (554.30).", "failed inactive"},
		{"rcpt", 525, "5.7.13", "User account disabled", "failed inactive"},
		{"rcpt", 535, "5.7.13", "User account disabled", "failed inactive"},
		{"rcpt", 552, "5.2.2", "The account is over quota and inactive. https://support.example/?p=OverQuotaPerm - gsmtp", "failed inactive"},
		{"rcpt", 550, "", "Account has been suspended", "failed inactive"},
		// Full.
		{"rcpt", 452, "4.2.2", "The recipient's inbox is out of storage space. OverQuotaTemp - gsmtp", "deferred full"},
		{"rcpt", 552, "5.2.2", "Mailbox full", "deferred full"},
		{"dot", 552, "5.2.2", "Over quota", "deferred full"},
		{"dot", 552, "", "Mailbox is full", "deferred full"},
		{"rcpt", 452, "", "Mailbox full", "deferred full"},
		{"rcpt", 450, "5.2.2", "Mailbox full", "deferred full"},
		// SND-10: blocks.
		{"dot", 550, "5.7.1", "Our system has detected that this message is likely unsolicited mail", "failed block"},
		{"rcpt", 554, "5.7.1", "Service unavailable; Client host blocked using zen.spamhaus.org", "failed block"},
		{"dot", 550, "5.7.26", "Your email has been blocked because the sender is unauthenticated", "failed block"},
		{"dot", 550, "5.7.25", "The IP address sending this message does not have a PTR record", "failed block"},
		{"dot", 550, "5.7.28", "unusual rate of unsolicited mail", "failed block"},
		{"dot", 550, "5.7.27", "SPF [news.example.org] did not pass", "failed block"},
		{"dot", 550, "5.7.515", "Access denied, sending domain news.example.org does not meet the required authentication level", "failed block"},
		{"mail", 550, "5.7.1", "Unfortunately, messages from [192.0.2.1] weren't sent. Part of their network is on our block list (S3150).", "failed block"},
		{"mail", 553, "5.7.1", "[BL21] Connections will not be accepted from 192.0.2.1", "failed block"},
		{"dot", 554, "", "DT:SPM 163 smtp7", "failed block"},
		{"dot", 554, "", "Transaction failed. Reject due to policy restrictions.", "failed block"},
		{"dot", 554, "", "Transaction failed", "failed block"},
		{"rcpt", 550, "", "Rejected", "failed block"},
		{"rcpt", 550, "5.1.1", "Rejected: your host is on the blocklist of spamhaus", "failed block"},
		{"rcpt", 550, "5.7.1", "Unable to relay", "failed block"},
		{"rcpt", 553, "5.7.1", "sorry, that domain isn't in my list of allowed rcpthosts", "failed block"},
		{"dot", 571, "", "Message refused", "failed block"},
		{"dot", 550, "5.0.0", "", "failed block"},
		{"dot", 451, "4.7.650", "The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation", "deferred block"},
		{"rcpt", 451, "", "Message temporarily deferred due to unexpected volume - [TSS04]", "deferred block"},
		{"rcpt", 450, "4.7.1", "Client host rejected: cannot find your reverse hostname", "deferred block"},
		{"dot", 450, "5.7.1", "Policy", "deferred block"},
		{"mail", 450, "4.7.1", "Error: too much mail from 192.0.2.1", "deferred block"},
		// Words of a dead mailbox about something of ours.
		{"dot", 550, "", "The IP address sending this message does not have a PTR record", "failed block"},
		{"rcpt", 550, "", "SPF record does not exist", "failed block"},
		{"dot", 550, "", "Your account has been suspended", "failed block"},
		{"rcpt", 554, "", "Your domain does not exist", "failed block"},
		{"rcpt", 550, "", "SMTP AUTH is disabled for this user", "failed block"},
		{"rcpt", 550, "", "Client host rejected: reverse DNS not found", "failed block"},
		// Our own fault.
		{"mail", 550, "5.1.8", "Sender domain does not exist", "failed sender"},
		{"mail", 553, "5.1.7", "Bad sender address syntax", "failed sender"},
		{"mail", 550, "5.1.1", "User unknown", "failed sender"},
		{"mail", 550, "", "No such user", "failed sender"},
		{"mail", 550, "", "", "failed sender"},
		{"rcpt", 550, "5.1.0", "Sender rejected", "failed sender"},
		{"rcpt", 550, "", "Sender verify failed: the address does not exist", "failed sender"},
		{"rcpt", 550, "5.1.1", "Sender address rejected: unknown user", "failed sender"},
		{"dot", 550, "5.7.27", "Sender address has null MX", "failed sender"},
		{"rcpt", 503, "5.5.1", "Bad sequence of commands", "failed sender"},
		{"mail", 501, "", "Syntax error in parameters", "failed sender"},
		{"mail", 555, "5.5.4", "Unsupported option", "failed sender"},
		{"dot", 554, "5.6.0", "Message is not RFC 5322 compliant", "failed sender"},
		{"dot", 550, "5.6.7", "Message is internationalized but the next hop is not", "failed unsupported"},
		{"mail", 450, "4.1.8", "Sender address rejected: Domain not found", "deferred sender"},
		// SND-11: too large.
		{"dot", 552, "5.3.4", "Message size exceeds fixed maximum message size", "failed size"},
		{"dot", 552, "5.2.3", "Message too large for this mailbox", "failed size"},
		{"mail", 552, "", "Message size exceeds limit", "failed size"},
		{"rcpt", 552, "", "Message size exceeds limit", "failed size"},
		{"dot", 552, "", "Requested mail action aborted", "failed size"},
		{"dot", 523, "", "the message is too big", "failed size"},
		// SND-08: too many recipients.
		{"rcpt", 452, "4.5.3", "Too many recipients", "deferred transient"},
		{"rcpt", 552, "", "Too many recipients", "deferred transient"},
		{"rcpt", 552, "5.5.3", "Too many recipients", "deferred transient"},
		{"rcpt", 552, "", "Requested mail action aborted: exceeded storage allocation", "deferred full"},
		{"rcpt", 552, "", "Requested mail action aborted", "deferred transient"},
		// SND-06: later.
		{"rcpt", 450, "4.2.1", "The user you are trying to contact is receiving mail too quickly", "deferred transient"},
		{"rcpt", 450, "", "Mailbox busy", "deferred transient"},
		{"rcpt", 451, "4.3.0", "Temporary lookup failure", "deferred transient"},
		{"rcpt", 452, "4.3.1", "Insufficient system storage", "deferred transient"},
		{"rcpt", 450, "4.1.1", "Recipient address rejected: unverified address", "deferred transient"},
		{"rcpt", 450, "5.1.1", "User unknown", "deferred transient"},
		{"dot", 451, "4.4.2", "Timeout", "deferred transient"},
		{"dot", 554, "5.4.6", "Too many hops", "failed transient"},
		{"dot", 550, "5.4.7", "Delivery time expired", "failed transient"},
		// SND-07: greylisting.
		{"rcpt", 451, "4.7.1", "Please try again in 300 seconds", "deferred greylist"},
		{"rcpt", 450, "4.2.0", "<a@b.example>: Recipient address rejected: Greylisted, see http://postgrey.example", "deferred greylist"},
		{"rcpt", 451, "", "Temporary failure, please try again later", "deferred greylist"},
		{"dot", 450, "", "graylisted", "deferred greylist"},
		// SND-05: the connection ends.
		{"rcpt", 421, "4.7.0", "Try again later, closing connection. - gsmtp", "requeue busy"},
		{"dot", 421, "4.7.0", "Our system has detected an unusual rate", "requeue busy"},
		// SND-12: log in first.
		{"mail", 530, "5.7.0", "Authentication required", "requeue auth"},
		{"mail", 535, "5.7.8", "Bad credentials", "requeue auth"},
		{"rcpt", 538, "5.7.11", "Encryption required", "requeue auth"},
		{"mail", 530, "5.7.57", "Client not authenticated to send mail", "requeue auth"},
		// No refusals at all.
		{"dot", 250, "2.0.0", "Ok", "accepted"},
		{"dot", 354, "", "go on", "doubt garbage"},
		{"data", 150, "", "", "requeue garbage"},
	} {
		kind, class := relay.Classify(tc.stage, tc.code, tc.enh, tc.text)
		if got := strings.TrimSpace(string(kind) + " " + class); got != tc.want {
			t.Errorf("%s %d %s %s: %s; want %s", tc.stage, tc.code, tc.enh, tc.text, got, tc.want)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("rcpt", 550, "5.1.1", "User unknown")
	f.Add("dot", 552, "", "Mailbox full")
	f.Add("mail", 421, "4.7.0", "")
	f.Add("rcpt", 550, "5.999.99999", "blocked")
	f.Fuzz(func(t *testing.T, stage string, code int, enh, text string) {
		kind, class := relay.Classify(stage, code, enh, text)
		dead := class == relay.ClassHard || class == relay.ClassInactive
		switch {
		case code == 421 && kind != relay.Requeue,
			kind == relay.Accepted && code/100 != 2,
			kind == relay.Failed && code/100 != 5,
			kind == relay.Doubt && stage != relay.StageDot,
			dead && (kind != relay.Failed || stage == relay.StageMail),
			dead && strings.Contains(strings.ToLower(text), "spamhaus"),
			kind != relay.Accepted && class == "":
			t.Fatalf("%s %d %q %q: %s %s", stage, code, enh, text, kind, class)
		}
	})
}
