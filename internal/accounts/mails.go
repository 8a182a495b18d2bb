package accounts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/letters"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// resetsADay is how many links for a new password one person is mailed because of a form that anybody can fill in.
var resetsADay = most{"reset", 5, 24 * time.Hour}

// Send mails a person a link to choose their first password, or another one. It is sent by the first list that they have a role
// on. Errors: Conflict when there is no list yet that could send it.
func (l *Links) Send(ctx context.Context, a Account, who string) error {
	from, err := l.sender(ctx, a)
	if err != nil {
		return err
	}
	return db.InTx(ctx, l.d.DB, func(tx *sqlx.Tx) error {
		url, err := l.makeFor(ctx, tx, a, who)
		if err != nil {
			return err
		}
		return l.d.Letters.Enqueue(ctx, tx, l.letter(a, from, url, who))
	})
}

// Forgot mails a link for a new password to whoever has an account with this address. It says nothing of whether there is one, not by
// its time either: the mail is made after it has returned. Errors: Denied when it is asked for too often.
func (l *Links) Forgot(ctx context.Context, email, network string) error {
	who := canonical(email)
	if _, err := l.d.take(ctx, try{triesNetwork, "reset " + network}); err != nil {
		return err
	}
	if _, err := l.d.take(ctx, try{resetsADay, who}); errs.KindOf(err) == errs.Denied {
		return nil
	} else if err != nil {
		return err
	}
	l.mailing.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mailLimit)
		defer cancel()
		if err := l.remind(ctx, who); err != nil {
			l.d.Log.Error("a link for a new password cannot be mailed; make one with: mailer people reset", "err", err)
		}
	})
	return nil
}

// mailLimit bounds the making of a mail that nobody waits for.
const mailLimit = 30 * time.Second

// remind mails a link to the account with an address, if there is one.
func (l *Links) remind(ctx context.Context, email string) error {
	a, err := l.people.ByEmail(ctx, email)
	if gone, err := missing(err); gone || err != nil || a.Disabled != nil {
		return err
	}
	return l.Send(ctx, a, a.Email)
}

// Wait returns when the mails that Forgot has promised are in the outbox.
func (l *Links) Wait() { l.mailing.Wait() }

// sender is the list that writes to a person.
func (l *Links) sender(ctx context.Context, a Account) (from subscribers.List, err error) {
	none := errs.New(errs.Conflict, "there is no list yet that could send this mail; hand over a link instead: mailer people reset %s", a.Email)
	if l.d.Letters == nil {
		return from, none
	}
	lists, err := l.d.Lists.Lists(ctx)
	if err != nil {
		return from, err
	}
	for _, needed := range []Role{Viewer, None} {
		for _, list := range lists {
			if a.Role(list.ID) >= needed {
				return list, nil
			}
		}
	}
	return from, none
}

// letter words the mail.
func (l *Links) letter(a Account, from subscribers.List, url, who string) letters.Letter {
	t := render.Letter{List: letters.List(from), URL: url}
	t.List.Language, t.List.Reason = "en", ""
	host := strings.TrimPrefix(strings.TrimPrefix(l.d.BaseURL, "https://"), "http://")
	if a.Joined {
		t.Subject, t.Preheader, t.Heading, t.Button = "Choose a new password", "The link works once, for 30 minutes.", "A new password", "Choose a new password"
		t.Paragraphs = []string{fmt.Sprintf("Somebody asked for a new password for your account on the editors’ desk at %s. Choose it with this link; it works once, for 30 minutes.", host)}
		t.Note = "If it was not you, do nothing: your password stays as it is."
	} else {
		t.Subject, t.Preheader, t.Heading, t.Button = "You are invited to the editors’ desk", "Choose a password to come in.", "Welcome to the desk", "Choose a password"
		t.Paragraphs = []string{fmt.Sprintf("%s has made an account for you on the editors’ desk at %s. Choose a password with this link; it works once, for seven days.", who, host)}
		t.Note = "If you did not expect this, do nothing: without a password the account opens nothing."
	}
	return letters.Letter{Key: fmt.Sprintf("account:%d:%d", a.ID, l.d.Now().UnixMicro()), From: from, To: a.Email, Text: t}
}
