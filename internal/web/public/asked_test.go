package public

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzAsked: whatever a body is, it asks for one of the known things, and for leaving only where it says so.
func FuzzAsked(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click")
	f.Add("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\nall\r\n--x--\r\n")
	f.Add("multipart/form-data; boundary=", "--\r\n\r\n--")
	f.Add(";", "action=list&action=undo&%zz=%")
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := httptest.NewRequest("POST", "/u/x", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		ask, err := asked(r)
		if err != nil {
			t.Fatal(err)
		}
		switch ask {
		case askNothing:
		case askOneClick:
			if !strings.Contains(strings.ToLower(body), "click") && !strings.Contains(body, "%") && !strings.Contains(body, "=") {
				t.Fatalf("%q as %q asks for %s", body, kind, ask)
			}
		case askList, askAll, askUndo, askConfirm, askAlso, askWeekly, askPause, askTopics, askReason:
			if !strings.ContainsAny(body, "=") {
				t.Fatalf("%q as %q asks for %s", body, kind, ask)
			}
		default:
			t.Fatalf("%q as %q asks for %q", body, kind, ask)
		}
	})
}
