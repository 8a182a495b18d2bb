package frame

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"mailer/internal/errs"
)

const (
	beat      = 15 * time.Second // silence after which proxies might think the connection dead
	slowest   = 10 * time.Second // for a browser to take an event
	lookAgain = 30 * time.Second // between two looks whether the person is still logged in
	longest   = 2 * time.Hour    // the browser comes back by itself
	most      = 40               // streams of one person at once, each of which asks the database every second or so
)

// Events is a stream of server-sent events to one page (HTML Living Standard, section 9.2).
type Events struct {
	w      http.ResponseWriter
	c      *http.ResponseController
	ctx    context.Context
	frame  *Frame
	visit  *Visit
	begun  time.Time
	looked time.Time
}

// Events begins a stream. The route needs Need.Long. With an error there is nothing more to answer: the page has gone, or the person
// has too many open.
func (f *Frame) Events(w http.ResponseWriter, r *http.Request, v *Visit) (*Events, error) {
	if !f.takeStream(r.Context(), v.Account.ID) {
		text := "You have this open in too many places; close some of them."
		plain(w, http.StatusTooManyRequests, text)
		return nil, errs.New(errs.Denied, "%s", text)
	}
	e := &Events{w: w, c: http.NewResponseController(w), ctx: r.Context(), frame: f, visit: v, begun: time.Now(), looked: time.Now()}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	return e, e.write([]byte("retry: 2000\n\n"))
}

// takeStream counts a stream of a person until its request ends, unless they have too many.
func (f *Frame) takeStream(ctx context.Context, account int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams[account] >= most {
		return false
	}
	f.streams[account]++
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.streams[account]--; f.streams[account] == 0 {
			delete(f.streams, account)
		}
	})
	return true
}

// Send sends an event. data may have several lines. It returns an error when the page has gone.
func (e *Events) Send(event, data string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\n", event)
	for line := range strings.SplitSeq(strings.ReplaceAll(data, "\r", ""), "\n") {
		fmt.Fprintf(&b, "data: %s\n", line)
	}
	b.WriteByte('\n')
	return e.write(b.Bytes())
}

// Part sends the fragment of a template; frame.js puts it into the element whose id is the event's name.
func (e *Events) Part(event string, p *Pages, name string, data any) error {
	html, err := p.part(e.visit, name, data)
	if err != nil {
		return err
	}
	return e.Send(event, string(html))
}

// Wait returns true after d, or as soon as something comes from wake (which may be nil); false when the page has gone, the person was
// logged out, or the stream has been open for long enough. Meanwhile it keeps the connection alive.
func (e *Events) Wait(d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	alive := time.NewTicker(beat)
	defer alive.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return false
		case <-e.frame.Stopping: // the page asks again, and finds who took over
			return false
		case <-timer.C:
			return e.welcome()
		case <-wake:
			return e.welcome()
		case <-alive.C:
			if e.write([]byte(": still here\n\n")) != nil || !e.welcome() {
				return false
			}
		}
	}
}

// welcome reports whether the person may still look: a session that was ended elsewhere ends here too.
func (e *Events) welcome() bool {
	if e.ctx.Err() != nil || time.Since(e.begun) > longest {
		return false
	}
	if time.Since(e.looked) < lookAgain || e.visit.Machine {
		return true
	}
	e.looked = time.Now()
	return e.frame.Sessions.StillIn(e.ctx)
}

// Done tells the page that nothing more comes, so that it does not ask again.
func (e *Events) Done() { _ = e.Send("done", "") }

func (e *Events) write(b []byte) error {
	_ = e.c.SetWriteDeadline(time.Now().Add(slowest)) // a writer that has none needs none
	if _, err := e.w.Write(b); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the page has gone")
	}
	return errs.Wrap(e.c.Flush(), errs.Unavailable, "the page has gone")
}
