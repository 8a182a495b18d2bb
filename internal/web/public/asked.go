package public

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// What a POST can ask for.
const (
	askNothing  = ""
	askOneClick = "one-click" // RFC 8058: List-Unsubscribe=One-Click, sent by a mail program
	askList     = "list"
	askAll      = "all"
	askUndo     = "undo"
	askConfirm  = "confirm"
	askAlso     = "also"   // other lists, named by also
	askWeekly   = "weekly" // instead of each edition
	askPause    = "pause"  // for a month
	askTopics   = "topics" // only those named by topic, of those named by shown
	askReason   = "reason" // nothing; it tells why, by reason
)

// wish is what a POST asks for, with the fields that say more.
type wish struct {
	ask    string
	fields map[string][]string
}

// maxValues bounds how often a field may stand in a wish.
const maxValues = 100

var (
	errTooLarge = errors.New("the body of the request is too large")         // than any of ours can be
	errBroken   = errors.New("the body of the request did not arrive whole") // in the time that the server gives it
)

// refuseBody answers a POST whose body could not be used. A program must not take the answer for success.
func refuseBody(w http.ResponseWriter, err error) {
	if errors.Is(err, errTooLarge) {
		plain(w, http.StatusRequestEntityTooLarge, "The request is too large.")
		return
	}
	plain(w, http.StatusRequestTimeout, "The request did not arrive whole. Please try again.")
}

// asked returns what the body of a POST asks for. Only the body counts, never the query of the address. It may be
// urlencoded or multipart/form-data (RFC 8058 section 3.2), with a charset, in pieces, with blanks, and in parts that are
// labelled badly; a body that is not understood asks for nothing. One that breaks off asks for nothing either, with an error,
// unless the whole one-click wish is there.
func asked(r *http.Request) (string, error) {
	w, err := wishOf(r)
	return w.ask, err
}

// wishOf is asked, with the fields that go with it.
func wishOf(r *http.Request) (wish, error) {
	body, broken := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(broken, &tooLarge) {
		return wish{}, errTooLarge
	}
	fields := urlencoded
	if boundary := boundaryOf(r.Header.Get("Content-Type"), body); boundary != "" {
		fields = func(b []byte, yield func(name, value string)) { parts(b, boundary, yield) }
	}
	ask := askNothing
	said := map[string][]string{}
	fields(body, func(name, value string) {
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "List-Unsubscribe") && strings.EqualFold(value, "One-Click"):
			ask = askOneClick
		case name == "action" && ask == askNothing:
			switch value {
			case askList, askAll, askUndo, askConfirm, askAlso, askWeekly, askPause, askTopics, askReason:
				ask = value
			}
		case name == "also" || name == "topic" || name == "shown" || name == "reason":
			if len(said[name]) < maxValues {
				said[name] = append(said[name], value)
			}
		}
	})
	if broken != nil && ask != askOneClick { // what is there may be half of what was meant
		return wish{}, errBroken
	}
	return wish{ask, said}, nil
}

func urlencoded(b []byte, yield func(name, value string)) {
	for pair := range strings.SplitSeq(string(b), "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, errN := url.QueryUnescape(strings.TrimSpace(name))
		value, errV := url.QueryUnescape(strings.TrimSpace(value))
		if errN == nil && errV == nil {
			yield(name, value)
		}
	}
}

// boundaryOf returns the delimiter of a body in parts: the one that its type names or, where that is missing or spelt so that
// no parser takes it (----=_Part_1 without quotes), the one that the body begins with. It is empty for a body without parts,
// whatever its type says: a wish to leave counts also where it is labelled wrongly.
func boundaryOf(contentType string, b []byte) string {
	kind, params, _ := mime.ParseMediaType(contentType)
	if named := params["boundary"]; kind == "multipart/form-data" && named != "" && bytes.Contains(b, []byte("--"+named)) {
		return named
	}
	first, _, _ := strings.Cut(strings.TrimLeft(string(b), "\r\n"), "\n")
	if boundary, ok := strings.CutPrefix(strings.TrimRight(first, " \t\r"), "--"); ok {
		return boundary
	}
	return ""
}

func parts(b []byte, boundary string, yield func(name, value string)) {
	form := multipart.NewReader(bytes.NewReader(b), boundary)
	for range 100 { // of which one is ours
		part, err := form.NextPart()
		if err != nil {
			return
		}
		value, err := io.ReadAll(part) // at most the body
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		yield(part.FormName(), string(value))
		if err != nil {
			return // the last delimiter is missing
		}
	}
}
