package campaigns

// adviceOn says, by the code of a problem, what a person can do about it.
var adviceOn = map[string]string{
	"subject":     "Write a subject.",
	"placeholder": "Put the words in its place, or take it out.",
	"list":        "Complete the list's details: name, postal address, contact.",
	"stories":     "Add stories, or pass over this.",
	"twice":       "Take one of them out.",
	"link":        "Give the story its https address.",
	"alt":         "Describe what the photo shows, in a sentence, for those who do not see it.",
	"credit":      "Say who took the photo.",
	"preheader":   "Rewrite the preheader: it stands beside the subject in the inbox.",
	"tk":          "Write what is missing there.",
	"weekday":     "Look it up, and mend the day or the date.",
	"appeal":      "Choose another appeal, or take it out.",
	"repeat":      "Take it out, unless readers should have it again.",
	"gone":        "Take it out. If it stays, it is left out just before the send.",
	"changed":     "Take the new version over; otherwise that happens just before the send, and the campaign waits for a new approval.",
	"grief":       "Move the appeal away from the story, or leave it out today.",
	"size":        "Leave stories out, or shorten texts.",
	"html":        "This is for whoever keeps the mail templates.",
	"host":        "Open the links and look whether they lead where they should.",
	"dkim":        "This is for whoever runs the service.",
	"segments":    "Choose other segments for the campaign.",
	"audience":    "Look at the campaign's segments.",
	"attribute":   "Look at how the attribute is spelt in the segment.",
	"message":     "Mend what it names.",
	"image":       "Choose an image, or take the block out.",
	"empty":       "Put a story into it, or take it out.",
	"sponsor":     "Look at the sponsor's words, link and days.",
	"topic":       "Choose another topic for the block.",
	"dead":        "Mend the link, or take it out.",
	"moved":       "Open it; if it is right, use the new address.",
	"unread":      "Open it and look for yourself.",
	"unchecked":   "They are looked at in the background; come back in a minute.",
}

// placeOf says where problems of a code are, of those that are not at one block.
func placeOf(code string) *Place {
	part := map[string]string{"subject": "subject", "placeholder": "subject", "preheader": "preheader", "list": "list", "segments": "audience", "audience": "audience",
		"attribute": "audience"}[code]
	if part == "" {
		return nil
	}
	return &Place{Part: part}
}
