package errs

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestKinds(t *testing.T) {
	plain := errors.New("plain")
	for name, tc := range map[string]struct {
		err  error
		kind Kind
		exit int
		http int
	}{
		"nil":           {nil, OK, 0, http.StatusOK},
		"plain":         {plain, Internal, 70, http.StatusInternalServerError},
		"new":           {New(NotFound, "no list %q", "x"), NotFound, 66, http.StatusNotFound},
		"wrapped twice": {fmt.Errorf("why: %w", Wrap(plain, Unavailable, "later")), Unavailable, 75, http.StatusServiceUnavailable},
		"outermost":     {Wrap(New(NotFound, "inner"), Conflict, "outer"), Conflict, 65, http.StatusConflict},
		"field":         {Field("address", "is empty"), Invalid, 65, http.StatusBadRequest},
		"usage":         {New(Usage, "which?"), Usage, 64, http.StatusBadRequest},
		"config":        {New(Config, "x"), Config, 78, http.StatusInternalServerError},
		"denied":        {New(Denied, "x"), Denied, 77, http.StatusForbidden},
		"joined":        {errors.Join(Field("a", "x"), plain), Invalid, 65, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			k := KindOf(tc.err)
			if k != tc.kind || k.ExitCode() != tc.exit || k.HTTPStatus() != tc.http {
				t.Errorf("kind %d, exit %d, status %d; want %d, %d, %d", k, k.ExitCode(), k.HTTPStatus(), tc.kind, tc.exit, tc.http)
			}
		})
	}
	if Wrap(nil, Internal, "x") != nil {
		t.Error("Wrap(nil) is an error")
	}
}

func TestPublicHidesCauses(t *testing.T) {
	secret := errors.New("password hunter2 in pg_hba.conf line 7")
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"cause stays in the log": {Wrap(secret, Conflict, "it exists already"), "it exists already"},
		"field":                  {Field("address", "has no @"), "address: has no @"},
		"internal":               {Wrap(secret, Internal, "query lists"), "Something went wrong on our side; the log says what."},
		"without kind":           {secret, "Something went wrong on our side; the log says what."},
		"joined":                 {errors.Join(Field("a", "x"), Field("b", "y"), Field("a", "x")), "a: x\nb: y"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Public(tc.err); got != tc.want {
				t.Errorf("Public = %q; want %q", got, tc.want)
			}
		})
	}
	if text := Wrap(secret, Conflict, "it exists already").Error(); !strings.Contains(text, "hunter2") {
		t.Errorf("the log would not say why: %q", text)
	}
}
