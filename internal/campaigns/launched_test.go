package campaigns

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// The mail and the page of a campaign as they were launched: that this room asks the message room for list mail, and that
// what it keeps for browsers is not the mail of a reader.
func TestLaunchedMail(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	if _, err := r.Start(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	raw := r.bytesFor(c.ID, everyoneGroups)
	h := header(t, raw)
	text, page, err := parts([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("MSG-01", func(t *testing.T) {
		for _, name := range []string{"From", "Date", "Message-Id", "To", "Subject", "Mime-Version", "Content-Type", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"} {
			if len(h[name]) != 1 || h.Get(name) == "" {
				t.Errorf("%s: %q", name, h[name])
			}
		}
	})
	for id, want := range map[string]map[string]string{
		"MSG-03": {"From": `"The Example Courier" <news@example.org>`, "Reply-To": "<desk@example.org>"},
		"MSG-07": {"List-Unsubscribe": "<https://news.example.org/u/token>"},
		"MSG-08": {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
		"MSG-12": {"List-Id": `"Morning Briefing" <morning.lists.mail.example.org>`},
		"MSG-14": {"Precedence": "bulk", "X-Auto-Response-Suppress": "OOF, AutoReply", "Auto-Submitted": ""},
	} {
		t.Run(id, func(t *testing.T) {
			for name, value := range want {
				if h.Get(name) != value {
					t.Errorf("%s: %s; want %s", name, h.Get(name), value)
				}
			}
		})
	}
	t.Run("MSG-06", func(t *testing.T) {
		if at, err := h.Date(); err != nil || at.After(r.now()) || r.now().Sub(at) > time.Minute {
			t.Errorf("Date: %s at %s (%v)", h.Get("Date"), r.now(), err)
		}
	})
	t.Run("MSG-13", func(t *testing.T) {
		if id := h.Get("Feedback-Id"); !regexp.MustCompile(`^\d+:morning:digest:[a-z0-9]{5,15}$`).MatchString(id) {
			t.Errorf("Feedback-ID: %s", id)
		}
	})
	t.Run("MSG-37", func(t *testing.T) {
		mine := strings.Count(text+page, "token")
		if links := strings.Count(text+page, "https://news.example.org/u/token"); links != mine || links < 3 {
			t.Errorf("the reader's token stands %d times, %d of them in the link to leave", mine, links)
		}
	})
	t.Run("MSG-38", func(t *testing.T) {
		web, err := r.Delivery.WebPage(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, personal := range []string{"/u/", "/v/", "token", "a@example.com"} {
			if strings.Contains(web, personal) {
				t.Errorf("the page for browsers has %q", personal)
			}
		}
		if mark := regexp.MustCompile(`Q[0-9a-f]{20}`).FindString(html.UnescapeString(web)); mark != "" {
			t.Errorf("the page for browsers has the mark %s", mark)
		}
		for _, want := range []string{"Cranes move", "Ferry late", "Keep the harbour lights on", "Good morning, reader."} {
			if !strings.Contains(web, want) {
				t.Errorf("the page for browsers lacks %q", want)
			}
		}
	})
}
