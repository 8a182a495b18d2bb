package public_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailer/internal/delivery"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// handler is the pages without a socket, for what cannot be had over one at will.
func (r *rig) handler() http.Handler {
	return public.New(public.Deps{Subscribers: r.store, Appeals: r.appeals, Delivery: delivery.NewStore(r.db, r.ring, r.store), Ring: r.ring,
		BaseURL: "https://news.paper.org", Log: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil }})
}

// slowBody arrives late.
type slowBody struct {
	wait time.Duration
	text io.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.wait)
	b.wait = 0
	return b.text.Read(p)
}

// UNS-02: a body that takes longer than our work may is no reason to refuse the wish in it. The clock is that of the bubble.
func TestUNS02SlowBody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.handler()
	synctest.Test(t, func(t *testing.T) {
		req := httptest.NewRequest(http.MethodPost, "/u/"+r.token, &slowBody{15 * time.Second, strings.NewReader(oneClick)})
		req.Header.Set("Content-Type", formType)
		got := httptest.NewRecorder()
		h.ServeHTTP(got, req)
		if got.Code != 200 || got.Body.String() != "Unsubscribed.\n" {
			t.Errorf("%d %s", got.Code, got.Body)
		}
	})
	if s := r.state(); s != subscribers.Unsubscribed {
		t.Errorf("the reader is %s", s)
	}
}

// UNS-02: who sends the wish need not wait for the answer.
func TestUNS02SenderGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequestWithContext(gone, http.MethodPost, "/u/"+r.token, strings.NewReader(oneClick))
	req.Header.Set("Content-Type", formType)
	r.handler().ServeHTTP(httptest.NewRecorder(), req)
	if s := r.state(); s != subscribers.Unsubscribed {
		t.Errorf("the reader is %s", s)
	}
}

// A POST that breaks off is no success, or a program would take it for one; but the whole wish to leave counts.
func TestBrokenBody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.handler()
	for body, want := range map[string]struct {
		status int
		state  string
	}{
		"List-Unsubscribe=One-":  {408, subscribers.Confirmed},
		"":                       {408, subscribers.Confirmed},
		"action=al":              {408, subscribers.Confirmed},
		"action=list":            {408, subscribers.Confirmed}, // a person will press the button again
		oneClick:                 {200, subscribers.Unsubscribed},
		"a=b&" + oneClick + "&c": {200, subscribers.Unsubscribed},
	} {
		r.again()
		req := httptest.NewRequest(http.MethodPost, "/u/"+r.token, io.MultiReader(strings.NewReader(body), brokenLine{}))
		req.Header.Set("Content-Type", formType)
		got := httptest.NewRecorder()
		h.ServeHTTP(got, req)
		if s := r.state(); got.Code != want.status || s != want.state {
			t.Errorf("%q: %d, the reader is %s; want %d and %s", body, got.Code, s, want.status, want.state)
		}
	}
}

type brokenLine struct{}

func (brokenLine) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }
