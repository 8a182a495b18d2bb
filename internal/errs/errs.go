// Package errs gives every error a kind and a sentence that may be shown to anyone. Rooms set both where an error
// arises; only the web and the command line translate them, through the one table below.
package errs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind says what went wrong in terms that a caller can act on.
type Kind uint8

const (
	OK          Kind = iota // nothing went wrong
	Internal                // our fault, or unexpected; details go to the log only
	Invalid                 // the input is wrong and must be changed
	Usage                   // the command line itself is wrong
	NotFound                // no such thing
	Conflict                // it is not in a state that allows this, or exists already
	Denied                  // not allowed
	Unavailable             // something we depend on is away; trying later may work
	Config                  // a setting is missing or wrong
)

// Exit codes are those of sysexits(3), as mail software has always used.
var table = [...]struct{ http, exit int }{
	OK: {200, 0}, Internal: {500, 70}, Invalid: {400, 65}, Usage: {400, 64}, NotFound: {404, 66},
	Conflict: {409, 65}, Denied: {403, 77}, Unavailable: {503, 75}, Config: {500, 78},
}

// HTTPStatus returns the status a web page answers an error of this kind with.
func (k Kind) HTTPStatus() int { return table[k].http }

// ExitCode returns the status the command line ends with.
func (k Kind) ExitCode() int { return table[k].exit }

// Error is an error with its kind. Msg may be shown to anyone; Err, the cause, goes to the log.
type Error struct {
	Kind  Kind
	Field string // name of the input or setting that is wrong; may be empty
	Msg   string
	Err   error
}

// Error returns the message and its cause, for the log.
func (e *Error) Error() string {
	s := e.Msg
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of kind k with a public message.
func New(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...)}
}

// Field returns an Invalid error about one named input.
func Field(name, format string, args ...any) error {
	return &Error{Kind: Invalid, Field: name, Msg: fmt.Sprintf(format, args...)}
}

// Wrap returns an error of kind k with a public message around err, whose own text is for the log only.
// A nil err gives nil.
func Wrap(err error, k Kind, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...), Err: err}
}

// KindOf returns the kind of the outermost Error in err's chain: OK for nil, Internal where there is none.
func KindOf(err error) Kind {
	if err == nil {
		return OK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Public returns what may be shown to anyone: a sentence, or a line for each of several errors that were joined. Errors
// of kind Internal, and those without a kind, say only that something went wrong here.
func Public(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var lines []string
		for _, e := range joined.Unwrap() {
			if line := Public(e); !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "\n")
	}
	var e *Error
	if !errors.As(err, &e) || e.Kind == Internal {
		return "Something went wrong on our side; the log says what."
	}
	if e.Field != "" {
		return e.Field + ": " + e.Msg
	}
	return e.Msg
}
