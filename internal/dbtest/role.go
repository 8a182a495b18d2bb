package dbtest

import (
	"net/url"
	"testing"
)

// As returns the address of a database as it is for another user.
func As(t testing.TB, dsn, user, password string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("host") != "" {
		q.Set("user", user)
		q.Set("password", password)
		u.RawQuery = q.Encode()
	} else {
		u.User = url.UserPassword(user, password)
	}
	return u.String()
}
