package transfer

import (
	"strings"

	"mailer/internal/subscribers"
)

// tool is where a file was exported, as its columns show.
type tool int

const (
	otherTool tool = iota
	mailchimp
	listmonk
)

// String is empty for an unknown tool.
func (t tool) String() string { return [...]string{"", "Mailchimp", "listmonk"}[t] }

// toolOf recognises an export by columns that nobody else has together.
func toolOf(header []string) tool {
	has := make(map[string]bool, len(header))
	for _, name := range header {
		has[strings.ToUpper(strings.TrimSpace(name))] = true
	}
	switch {
	case has["LEID"] && has["EUID"], has["MEMBER_RATING"] && has["OPTIN_TIME"],
		has["UNSUB_TIME"] && has["UNSUB_CAMPAIGN_ID"], has["CLEAN_TIME"] && has["CLEAN_CAMPAIGN_ID"]:
		return mailchimp
	case has["UUID"] && has["EMAIL"] && has["STATUS"] && has["ATTRIBUTES"]:
		return listmonk
	}
	return otherTool
}

// toolColumns are columns that mean something, or nothing worth keeping, in the export of one tool only. What Mailchimp guessed
// about where and how people open mail is nobody's business here.
var toolColumns = map[tool]map[string]meaning{
	mailchimp: {
		"EMAIL_TYPE": colLeftOut, "MEMBER_RATING": colLeftOut, "LATITUDE": colLeftOut, "LONGITUDE": colLeftOut, "GMTOFF": colLeftOut, "DSTOFF": colLeftOut,
		"LAST_CHANGED": colLeftOut, "LEID": colLeftOut, "EUID": colLeftOut, "TIMEZONE": colLeftOut, "CC": colLeftOut, "REGION": colLeftOut,
		"UNSUB_CAMPAIGN_TITLE": colLeftOut, "UNSUB_CAMPAIGN_ID": colLeftOut, "UNSUB_REASON_OTHER": colLeftOut, "CLEAN_CAMPAIGN_TITLE": colLeftOut, "CLEAN_CAMPAIGN_ID": colLeftOut,
	},
	listmonk: {"UUID": colLeftOut, "ID": colLeftOut, "CREATED_AT": colLeftOut, "UPDATED_AT": colLeftOut, "ATTRIBUTES": colAttributes},
}

func (t tool) columnOf(name string) meaning {
	if m, ok := toolColumns[t][strings.ToUpper(name)]; ok {
		return m
	}
	return columnOf(name)
}

// hint is what an importer should know about a tool's files.
func (t tool) hint() string {
	if t == listmonk {
		return "listmonk writes everybody of a list and does not say who left it: import the export of its unsubscribed subscribers too, with --status unsubscribed"
	}
	return ""
}

// fileStanding is what the name of a file of Mailchimp's says of everybody in it; never says that they did not subscribe at all.
func fileStanding(name string) (st standing, never bool) {
	prefix, _, _ := strings.Cut(strings.ToLower(name), "_")
	switch prefix {
	case "unsubscribed":
		return standing{State: subscribers.Unsubscribed}, false
	case "cleaned":
		return standing{State: subscribers.Unsubscribed, Reason: subscribers.ReasonHardBounce}, false
	case "nonsubscribed":
		return standing{}, true
	}
	return standing{State: subscribers.Confirmed}, false
}

// leftFor is what a reason for leaving, in Mailchimp's words, makes of who left: a complaint concerns all mail.
func leftFor(reason string) standing {
	reason = strings.ToLower(reason)
	for _, word := range []string{"abuse", "spam", "complain"} {
		if strings.Contains(reason, word) {
			return standing{State: subscribers.Unsubscribed, Reason: subscribers.ReasonComplaint}
		}
	}
	return standing{State: subscribers.Unsubscribed}
}

// plainTags makes one line of tags as Mailchimp writes them, each in quotation marks.
func plainTags(v string) string {
	if len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' {
		return strings.ReplaceAll(v[1:len(v)-1], `","`, ", ")
	}
	return v
}
