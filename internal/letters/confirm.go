package letters

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/lang"
	"mailer/internal/limits"
	"mailer/internal/links"
	"mailer/internal/outbox"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// askAgain is how long a reader who has been asked to confirm is left alone (RULES 1.8): a form that anyone can fill in
// must not become a weapon against a mailbox.
const (
	askAgain = 24 * time.Hour
	maxAsked = 3
)

// Confirm asks a new reader to confirm one or several subscriptions with a single mail, in the caller's transaction, and
// reports whether it did: one person is asked once in 24 hours, whatever the lists, and three times in all while the outbox
// remembers. All spellings of an address that reach one mailbox count as one.
func (s *Service) Confirm(ctx context.Context, tx *sqlx.Tx, sub subscribers.Subscriber, lists ...subscribers.List) (asked bool, err error) {
	if len(lists) == 0 {
		return false, nil
	}
	now := s.Now()
	n, newest, err := outbox.Seen(ctx, tx, subscribers.ConfirmKey(sub.ID, 0))
	if err != nil || n >= maxAsked || n > 0 && now.Sub(newest) < askAgain {
		return false, err
	}
	if s.Limits != nil {
		bucket := subscribers.Address{Canonical: sub.Canonical}.Bucket()
		if ok, err := s.Limits.AllowIn(ctx, tx, limits.Rule{Name: "confirm", Key: bucket, Max: 1, Per: askAgain}); !ok {
			return false, err
		}
	}
	token := links.Confirm{Subscriber: sub.ID, List: lists[0].ID, Issued: now}
	key := subscribers.ConfirmKey(sub.ID, lists[0].ID)
	if len(lists) > 1 {
		ids := make([]int64, len(lists))
		for i, l := range lists {
			ids[i] = l.ID
		}
		token.List, key = 0, subscribers.ConfirmKey(sub.ID, 0)+"0:"
		if token.Subscriber, err = subscribers.Ask(ctx, tx, sub.ID, ids); err != nil {
			return false, err
		}
	}
	m := Letter{Kind: "confirm", From: lists[0], To: sub.Wire,
		// Of two at the same moment both come after the same mail, so they have the same key, and one of them is dropped.
		Key:  fmt.Sprintf("%s%d", key, newest.UnixMicro()),
		Text: confirmText(sub, lists)}
	if err := headed(ctx, tx, &m.Text.List, lists); err != nil {
		return false, err
	}
	m.Text.URL = s.URLs.Confirm(s.Ring.ConfirmToken(s.Ring.Current(), token))
	err = s.Enqueue(ctx, tx, m)
	return err == nil, err
}

// headed puts the publication's name above a mail about several lists, where all are of one: it is who the reader gave the
// address to.
func headed(ctx context.Context, tx *sqlx.Tx, head *render.List, lists []subscribers.List) error {
	p, err := subscribers.PublicationOf(ctx, tx, lists)
	if err == nil && p.ID != 0 {
		head.Name, head.HomeURL, head.Accent = p.Name, p.HomeURL, p.AccentColour
		head.LogoURL, head.LogoWidth, head.LogoHeight = "", 0, 0
	}
	return err
}

// confirmText words the mail in the language of the reader, or of the first list.
func confirmText(sub subscribers.Subscriber, lists []subscribers.List) render.Letter {
	t := render.Letter{List: List(lists[0])}
	t.List.Language = LanguageOf(sub, lists[0])
	w := lang.For(t.List.Language)
	names := Enumerate(w, lists)
	t.Subject, t.Preheader = w.T("confirm.subject", subjectOf(w, lists)), w.T("confirm.preheader", names)
	t.Heading, t.Paragraphs = w.T("confirm.heading"), []string{w.T("confirm.text", names, sub.Address)}
	t.Button, t.Note = w.T("confirm.button"), w.T("confirm.ignore")
	if len(lists) > 1 {
		t.Preheader, t.Paragraphs[0] = w.T("confirm.preheader_several", len(lists)), w.T("confirm.text_several", names, sub.Address)
		t.Button = w.T("confirm.button_several")
	}
	return t
}

// Enumerate names lists in a sentence: A, B and C.
func Enumerate(w *lang.Words, lists []subscribers.List) string {
	names := make([]string, len(lists))
	for i, l := range lists {
		names[i] = l.Name
	}
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return w.T("letter.and", strings.Join(names[:last], ", "), names[last])
}

// subjectOf names the lists as far as a subject has room.
func subjectOf(w *lang.Words, lists []subscribers.List) string {
	if len(lists) <= 2 {
		return Enumerate(w, lists)
	}
	return w.T("letter.and_more", lists[0].Name, len(lists)-1)
}
