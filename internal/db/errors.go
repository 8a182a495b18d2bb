package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/lib/pq"

	"mailer/internal/errs"
)

// Err gives an error of the database its kind. what says in a few words what was tried ("confirm subscription"); it
// becomes the public message. No rows is NotFound, a unique violation Conflict, a broken check, NOT NULL or value out of
// range Invalid, a refused privilege Denied, a lost or refused connection Unavailable, and anything else Internal. An
// error that has a kind already is returned as it is, and nil as nil.
func Err(err error, what string) error {
	if err == nil {
		return nil
	}
	var known *errs.Error
	if errors.As(err, &known) {
		return err
	}
	kind, why := kindOf(err)
	return errs.Wrap(err, kind, "%s: %s", what, why)
}

func kindOf(err error) (errs.Kind, string) {
	if errors.Is(err, sql.ErrNoRows) {
		return errs.NotFound, "there is no such thing"
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return errs.Unavailable, "interrupted before the database answered"
	}
	var e *pq.Error
	if errors.As(err, &e) {
		return kindOfCode(string(e.Code))
	}
	var ne net.Error
	if errors.As(err, &ne) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, sql.ErrConnDone) {
		return errs.Unavailable, "the database cannot be reached"
	}
	return errs.Internal, "the database refused it"
}

// kindOfCode maps an SQLSTATE (PostgreSQL manual, appendix A).
func kindOfCode(code string) (errs.Kind, string) {
	switch code {
	case "23505":
		return errs.Conflict, "it exists already"
	case "23503":
		return errs.Invalid, "it names or is named by something else"
	case "23514", "23502":
		return errs.Invalid, "a value is missing or not allowed"
	case "40001", "40P01", "55P03":
		return errs.Unavailable, "too many changes at once; try again"
	case "57014":
		return errs.Unavailable, "interrupted before the database was done"
	case "57P01", "57P02", "57P03", "53300":
		return errs.Unavailable, "the database is not taking work at the moment"
	case "42501":
		return errs.Denied, "the database does not allow it"
	}
	switch {
	case len(code) == 5 && code[:2] == "22":
		return errs.Invalid, "a value is not allowed"
	case len(code) == 5 && (code[:2] == "08" || code[:2] == "53"):
		return errs.Unavailable, "the database cannot do it at the moment"
	}
	return errs.Internal, "the database refused it"
}

// openError says why the first connection failed, and what to do.
func openError(err error) error {
	var e *pq.Error
	if errors.As(err, &e) {
		switch e.Code {
		case "28P01", "28000":
			return errs.Wrap(err, errs.Config, "the database refused the user name or password")
		case "3D000":
			return errs.Wrap(err, errs.Config, "the database does not exist; create it first, for instance by: createdb mailer")
		}
	}
	if errors.Is(err, pq.ErrSSLNotSupported) {
		return errs.Wrap(err, errs.Config, "the database does not speak TLS; add ?sslmode=disable to its address if the way to it is safe")
	}
	return errs.Wrap(err, errs.Unavailable, "the database cannot be reached; is Postgres running and the address right?")
}
