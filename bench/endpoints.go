package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"mailer/internal/links"
)

// callers are how many connections call at once.
var callers = []int{20, 200}

// page is one public endpoint that is called.
type page struct {
	name, method string
	lines        func(n int) string // path, and body of a form
	peer         float64            // what the peer does on the same kind of machine; 0: not known
	forwarded    bool
}

var stampField = regexp.MustCompile(`name="stamp" value="([^"]+)"`)

// endpoints measures the pages that readers meet, while nothing else is going on, and a handler that does nothing beside each.
func (b *bench) endpoints(ctx context.Context) error {
	s, err := b.site(ctx, b.readers)
	if err != nil {
		return err
	}
	if _, err := b.plainSend(ctx); err != nil { // so that there is something in the archive
		return err
	}
	if _, err := s.mailer(ctx, "lists", "update", "morning", "--archive-open", "--signup-open"); err != nil {
		return err
	}
	p, web, err := s.serve("MAILER_SIGNUP_TOTAL=1000000", "MAILER_SIGNUP_DOMAIN=1000000", "MAILER_SIGNUP_NETWORK=1000000")
	if err != nil {
		return err
	}
	defer p.stop()
	pages, err := s.pages(ctx, web)
	if err != nil {
		return err
	}
	for _, pg := range pages {
		if err := b.endpoint(ctx, p, web, pg); err != nil {
			return fmt.Errorf("%s: %w", pg.name, err)
		}
	}
	return nil
}

// pages are the endpoints, each with calls of its own; no reader leaves twice.
func (s *site) pages(ctx context.Context, web string) ([]page, error) {
	ring, err := links.NewRing(benchSecret, nil)
	if err != nil {
		return nil, err
	}
	var ids []int64
	if err := s.db.SelectContext(ctx, &ids, `SELECT subscriber_id FROM subscriptions WHERE list_id = 1 AND state = 'confirmed' ORDER BY shuffle`); err != nil {
		return nil, err
	}
	var campaign int64
	if err := s.db.GetContext(ctx, &campaign, `SELECT max(campaign_id) FROM sends WHERE state = 'done'`); err != nil {
		return nil, err
	}
	leave := func(n int) string {
		return "/u/" + ring.LeaveToken(ring.Current(), links.Leave{Subscriber: ids[n%len(ids)], List: 1, Campaign: campaign})
	}
	form, err := fetchPage(ctx, web, "/subscribe/morning")
	if err != nil {
		return nil, err
	}
	stamp := stampField.FindStringSubmatch(form)
	if stamp == nil {
		return nil, fmt.Errorf("the sign-up page has no stamp: %.200s", form)
	}
	sleep(ctx, 2500*time.Millisecond) // nobody types faster
	run := time.Now().UnixNano()
	archived, err := fetchPage(ctx, web, "/archive/morning")
	if err != nil {
		return nil, err
	}
	issue := regexp.MustCompile(`/archive/morning/[0-9][^"/#?]*`).FindString(archived)
	if issue == "" {
		return nil, fmt.Errorf("the archive shows no campaign: %.500s", archived)
	}
	return []page{
		{name: "GET the leave page", method: http.MethodGet, lines: leave, peer: 1370},
		{name: "POST a one-click leave", method: http.MethodPost, lines: func(n int) string { return leave(n) + " List-Unsubscribe=One-Click" }, peer: 2114},
		{name: "GET the archive", method: http.MethodGet, lines: func(int) string { return "/archive/morning" }},
		{name: "GET a campaign of the archive", method: http.MethodGet, lines: func(int) string { return issue }},
		{name: "POST a sign-up", method: http.MethodPost, forwarded: true, lines: func(n int) string {
			return "/subscribe/morning " + url.Values{"address": {fmt.Sprintf("new.%d.%d@gmail.com", run, n)}, "stamp": {stamp[1]}}.Encode()
		}},
	}, nil
}

// endpoint measures one page and the bare handler with a page of the same size, for each number of callers.
func (b *bench) endpoint(ctx context.Context, p *process, web string, pg page) error {
	file := filepath.Join(b.dir, "calls.txt")
	var lines strings.Builder
	for n := range b.readers {
		lines.WriteString(pg.lines(n) + "\n")
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		return err
	}
	size := 20 // a one-click answer is a word
	if pg.method == http.MethodGet {
		path, _, _ := strings.Cut(pg.lines(0), " ")
		text, err := fetchPage(ctx, web, path)
		if err != nil {
			return err
		}
		size = len(text)
	}
	bare, err := b.startChild("bareweb", size)
	if err != nil {
		return err
	}
	defer bare.stop()
	var address string
	if err := bare.within(ctx, &address); err != nil {
		return err
	}
	first := 0
	for _, connections := range callers {
		spec := callSpec{Address: web, Method: pg.method, File: file, First: first, Connections: connections, Millis: b.calling.Milliseconds(), Forwarded: pg.forwarded}
		meter := b.newMeter([]*process{p}, nil)
		got, err := b.call(ctx, spec)
		if err != nil {
			return err
		}
		cpu := meter.perMessage(int64(got.Calls))
		first += got.Calls
		spec.Address = address
		ceiling, err := b.call(ctx, spec)
		if err != nil {
			return err
		}
		rate, most := float64(got.Calls)/got.Seconds, float64(ceiling.Calls)/ceiling.Seconds
		m := measure{Name: fmt.Sprintf("%s, %d connections", pg.name, connections), Value: rate, Unit: "requests/s", CPU: cpu,
			Note: fmt.Sprintf("half within %.1f ms, 99 of 100 within %.1f ms; a bare handler: %.0f/s, %.1f ms, %.1f ms", got.P50, got.P99, most, ceiling.P50, ceiling.P99)}
		if pg.peer > 0 {
			m.Aim = atLeast(3*pg.peer, fmt.Sprintf("≥ 3 × %.0f", pg.peer))
		}
		b.note(m)
		b.note(measure{Name: m.Name + ", of a bare handler", Value: rate / most, Unit: "×"})
		b.note(measure{Name: m.Name + ", 99 of 100 within", Value: got.P99, Unit: "ms", Less: true})
	}
	return nil
}

// call has a process of its own call; every call must be answered with 200.
func (b *bench) call(ctx context.Context, spec callSpec) (r callResult, err error) {
	p, err := b.startChild("caller", spec)
	if err != nil {
		return r, err
	}
	defer p.stop()
	var ready string
	if err := p.within(ctx, &ready); err != nil {
		return r, err
	}
	fmt.Fprintln(p.in, "go")
	if err := p.within(ctx, &r); err != nil {
		return r, err
	}
	switch {
	case r.Err != "":
		return r, fmt.Errorf("%s", r.Err)
	case r.Calls == 0:
		return r, fmt.Errorf("no call was answered")
	case r.Refused > 0:
		return r, fmt.Errorf("%d of %d calls were refused, with status %d", r.Refused, r.Calls, r.Status)
	}
	return r, nil
}

func fetchPage(ctx context.Context, web, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+web+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return string(body), err
}
